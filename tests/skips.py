"""Skips tests whose server isn't available here, with the reason.

    with skipped_without("HDFS"):
        cluster = Cluster(folder)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cluster.jars import Missing


@contextmanager
def skipped_without(what: str) -> Iterator[None]:
    """Skips the test if jars or Java are missing inside."""
    try:
        yield
    except Missing as missing:
        pytest.skip(f"no {what}: {missing}")
