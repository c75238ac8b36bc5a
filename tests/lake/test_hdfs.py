from __future__ import annotations

import socket

import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake


def test_a_namenode_that_does_not_listen_is_named_at_once_not_after_minutes() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else can answer there
        url = f"hdfs://127.0.0.1:{taken.getsockname()[1]}/lake"
        with pytest.raises(LakeError, match="Connection refused") as caught:
            Lake(url).table("clean", "pixels").latest()
    assert url in str(caught.value)
