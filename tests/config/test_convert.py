"""The settings of splits in the section `convert`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from laketrain.config.convert import ByTime


def until(*ends: str) -> ByTime:
    return ByTime.model_validate({"column": "at", "until": dict(zip(("train", "val", "test"), ends, strict=False)),
                                  "rest": None})


@pytest.mark.parametrize("ends", [
    ("2020-01-01", "2020-01-01 12:00", "2020-01-01T12:00:30.5"),
    ("2020-01-01 00:30:00+02:00", "2020-01-01"), ("2020-01-01T12:00:00Z", "2020-01-01 12:00:00-0100"),
    ("2020-01-01 05:00:00+06:00", "2020-01-01 00:00:00+00:00"),
])
def test_ends_of_splits_are_ordered_as_the_instants_that_spark_reads(ends: tuple[str, ...]) -> None:
    assert tuple(until(*ends).until.values()) == ends
    with pytest.raises(ValidationError, match="not in the order of time"):
        until(*reversed(ends))


def test_two_ends_of_one_instant_are_refused() -> None:
    with pytest.raises(ValidationError, match="not in the order of time"):
        until("2020-01-01 02:00:00+02:00", "2020-01-01")


@pytest.mark.parametrize("end", [
    "20200101", "2020-W01-1", "2020-01-01 12:00+02:00", "2020-01-01T12:00Z", "2020-01-01x12:00",
    "2020-01-01 12:00:00,5", "2020-01-01T12:00:00+19:00", "2020-02-30", "\u0662\u0660\u0662\u0660-01-01", "soon", "",
])
def test_an_end_that_spark_would_not_read_is_refused(end: str) -> None:
    with pytest.raises(ValidationError, match="expected a date or time such as 2017-07-01"):
        until(end)
