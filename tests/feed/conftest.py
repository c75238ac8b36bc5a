from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from .splits import Split, write_split


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Split]:
    """Writes a split into a new folder."""
    numbers = count()

    def written(cuts: Sequence[Sequence[int]], recorded: bool = True) -> Split:
        return write_split(tmp_path / str(next(numbers)), cuts, recorded)

    return written
