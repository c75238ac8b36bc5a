from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from laketrain.errors import ConfigError, Problem
from laketrain.workload import Job

MNIST = Path(__file__).parents[2] / "conf" / "mnist.yaml"


@pytest.fixture(scope="session")
def mnist() -> str:
    """The workload that the broken ones are made of."""
    return MNIST.read_text("utf-8")


@pytest.fixture
def problems(tmp_path: Path) -> Callable[..., list[Problem]]:
    """What `Job.load` finds wrong with a text; an empty list where it takes it."""

    def load(text: str | bytes, sets: Sequence[str] = ()) -> list[Problem]:
        path = tmp_path / "mnist.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        try:
            Job.load(path, sets)
        except ConfigError as error:
            assert error.source == str(path)
            assert error.exit_code == 2
            return list(error.problems)
        return []

    return load
