from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake


def test_an_unknown_zone_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="features"):
        Lake(tmp_path).table("feature", "x")
