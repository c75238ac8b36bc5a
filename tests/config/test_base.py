"""Every section is strict, closed and immutable."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.base import Name, Section, SplitName, UserCode


class Example(Section):
    number: int = 1
    name: Name = "a"
    split: SplitName = "train"
    call: UserCode = "a.b:c"


@pytest.mark.parametrize("values", [
    {"number": "1"}, {"number": 1.5}, {"number": True}, {"other": 1}, {"name": "a b"}, {"name": "-a"},
    {"name": "a" * 101}, {"split": "Train"}, {"split": "1st"}, {"call": "module"}, {"call": "module:"},
    {"call": "a b:c"}])
def test_other_types_unknown_keys_and_bad_names_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Example.model_validate(values)


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Example().number = 2  # type: ignore[misc]


def test_an_infinite_number_is_refused() -> None:
    class Rate(Section):
        rate: float

    assert Rate(rate=0.5).rate == 0.5
    for value in (float("inf"), float("nan")):
        with pytest.raises(ValidationError):
            Rate(rate=value)
