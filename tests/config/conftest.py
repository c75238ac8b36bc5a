from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from laketrain.errors import ConfigError, Problem
from laketrain.workload import Job

DIGITS = Path(__file__).with_name("digits.yaml")


@pytest.fixture(scope="session")
def digits() -> str:
    """The workload that the broken ones are made of."""
    return DIGITS.read_text("utf-8")


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., list[Problem]]:
    """What `Job.load` finds wrong with a text; an empty list where it takes it."""

    def load(text: str | bytes, sets: Sequence[str] = ()) -> list[Problem]:
        path = tmp_path / "digits.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            Job.load(path, sets)
        except ConfigError as error:
            return list(error.problems)
        return []

    return load
