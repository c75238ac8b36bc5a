"""What one Spark task finds out of its rows, in a first and a second look, and how the tasks' findings are merged.

    frame.select(*selected(plans)).mapInArrow(partial(first_look, to_json(plans)), RESULT_SCHEMA)

All of it adds up alike in any order: the profile of a table does not depend on how Spark cut it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from laketrain.features.numeric import numbers_of
from laketrain.features.tally import Tally, merge
from laketrain.profile.images import ImageTally
from laketrain.profile.model import Kind
from laketrain.profile.series import Series
from laketrain.profile.values import MOST, Values

Floats = npt.NDArray[np.float64]

RESULT_SCHEMA = "result string"
DAY = 86_400
"""Seconds."""
LABEL = 120
"""Characters of a value that are shown."""
HEADER_BYTES = 1 << 16
"""Bytes of a file in which its header is looked for."""

_LETTERS = {"numbers": "c", "lengths": "n", "words": "w"}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMERIC = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


@dataclass(frozen=True)
class ColumnPlan:
    """A column and how it is looked at. `step`: what two values differ by at least, as 1 of whole numbers, DAY of
    dates, 0 where that may be anything. `elements`: an array of numbers. `most`:
    distinct values that are counted one by one."""

    number: int
    name: str
    type: str
    kind: Kind
    step: int = 0
    elements: bool = False
    most: int = MOST

    @property
    def listed(self) -> bool:
        """Whether its values can be shown as text."""
        return self.kind in ("number", "text", "time", "boolean")

    @property
    def measures(self) -> dict[str, int]:
        """The numbers that are known of each of its rows, by name, and what two of them differ by at least."""
        return {"number": {"numbers": self.step}, "time": {"numbers": self.step},
                "text": {"lengths": 1, "words": 1}, "binary": {"lengths": 1},
                "array": {"lengths": 1}}.get(self.kind, {})


class Batch:
    """An Arrow batch of `selected` columns."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows = batch.num_rows
        self._columns = dict(zip(batch.schema.names, batch.columns, strict=True))

    def get(self, letter: str, plan: ColumnPlan) -> pa.Array | None:
        """The part of a column that travelled as `letter`."""
        return self._columns.get(f"{letter}{plan.number}")

    def numbers(self, plan: ColumnPlan) -> Floats:
        """(rows,) of a column of numbers; NaN where it is null."""
        decimal = self._columns.get(f"d{plan.number}")
        return numbers_of(self._columns[f"c{plan.number}"] if decimal is None else decimal)

    def measure(self, name: str, plan: ColumnPlan) -> Floats:
        """Of the rows that have it."""
        column = self._columns[f"{_LETTERS[name]}{plan.number}"]
        values = self.numbers(plan) if plan.kind == "number" else numbers_of(column)
        there = values[np.asarray(column.is_valid())]
        return there / 1e6 if plan.kind == "time" else there


@dataclass
class ColumnTally:
    """What the first look finds of a column."""

    values: Values
    counts: Tally = field(default_factory=lambda: {"rows": 0, "nulls": 0, "looks_numeric": 0})
    series: dict[str, Series] = field(default_factory=dict)
    images: ImageTally = field(default_factory=ImageTally)

    @classmethod
    def of(cls, plan: ColumnPlan) -> ColumnTally:
        """Of no rows."""
        series = {name: Series(plan.most) for name in plan.measures}
        return cls(Values(plan.most), series=series)

    def add(self, plan: ColumnPlan, batch: Batch) -> None:
        """Counts a batch's rows."""
        content = batch.get("c", plan)
        first = content if content is not None else batch.get("n", plan)
        assert first is not None
        merge(self.counts, {"rows": batch.rows, "nulls": first.null_count})
        hashes = batch.get("h", plan)
        if hashes is not None:
            there = hashes.is_valid()
            shown = content.filter(there) if content is not None and plan.listed else None
            self.values.add(np.asarray(hashes.drop_null(), np.int64), labeller(plan, shown))
        for name in plan.measures:
            self.series[name].add(batch.measure(name, plan))
        if plan.kind == "text" and content is not None:
            merge(self.counts, {"looks_numeric": _numeric(content)})
        if plan.kind == "binary" and content is not None:
            self.images.add(content, batch.get("n", plan))
        if plan.elements:
            self._add_elements(plan, batch)

    def _add_elements(self, plan: ColumnPlan, batch: Batch) -> None:
        for letter in ("l", "m"):
            ends = batch.get(letter, plan)
            assert ends is not None
            values = numbers_of(ends.drop_null())
            finite = values[np.isfinite(values)]
            known = self.series.setdefault(f"elements {letter}", Series())
            if len(finite):
                known.add(np.array([finite.min(), finite.max()]))

    def merge(self, other: ColumnTally) -> None:
        """Adds what another part of the rows holds."""
        merge(self.counts, other.counts)
        self.values.merge(other.values)
        self.images.merge(other.images)
        for name, series in other.series.items():
            self.series.setdefault(name, Series()).merge(series)

    def to_json(self) -> dict[str, Any]:
        return {"counts": self.counts, "values": self.values.to_json(), "images": self.images.to_json(),
                "series": {name: series.to_json() for name, series in self.series.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ColumnTally:
        series = {name: Series.from_json(one) for name, one in data["series"].items()}
        return cls(Values.from_json(data["values"]), dict(data["counts"]), series, ImageTally.from_json(data["images"]))


def first_look(plans: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Tallies a partition's columns; yields one row."""
    columns = plans_from(plans)
    tallies = [ColumnTally.of(plan) for plan in columns]
    for batch in batches:
        seen = Batch(batch)
        for plan, tally in zip(columns, tallies, strict=True):
            tally.add(plan, seen)
    yield result_of([tally.to_json() for tally in tallies])


def merge_first(plans: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Makes one of the rows that several first looks yielded."""
    results = (result for batch in batches for result in batch.column(0).to_pylist())
    yield result_of([tally.to_json() for tally in merged(plans_from(plans), results)])


def merged(plans: Sequence[ColumnPlan], results: Iterable[str]) -> list[ColumnTally]:
    """The columns' tallies of all rows."""
    found = [ColumnTally.of(plan) for plan in plans]
    for result in results:
        for tally, part in zip(found, json.loads(result), strict=True):
            tally.merge(ColumnTally.from_json(part))
    return found


def result_of(data: Any) -> pa.RecordBatch:
    """A task's findings as its one row."""
    return pa.RecordBatch.from_arrays([pa.array([json.dumps(data)])], names=["result"])


def plans_to(plans: Sequence[ColumnPlan]) -> str:
    """As tasks get them."""
    return json.dumps([asdict(plan) for plan in plans])


def plans_from(text: str) -> list[ColumnPlan]:
    """What `plans_to` wrote."""
    return [ColumnPlan(**plan) for plan in json.loads(text)]


def labeller(plan: ColumnPlan, column: pa.Array | None) -> Callable[[int], str]:
    """Says the value of a row of `column`; nothing where the column's values are not listed."""
    if column is None:
        return lambda row: ""
    if plan.kind == "text":
        plain = column.cast(pa.binary())
        return lambda row: _shortened(plain[row].as_py().decode("utf-8", "replace"))
    if plan.kind == "time":
        return lambda row: said_time(plan.type, column[row].as_py())
    if plan.kind == "boolean":
        return lambda row: str(column[row].as_py()).lower()
    return lambda row: str(column[row].as_py())


def said_time(kind: str, micros: int) -> str:
    """Microseconds since 1970 as people write that time."""
    try:
        when = (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None)
    except OverflowError:
        return f"{micros} µs since 1970"
    return when.date().isoformat() if kind == "date" else when.isoformat(" ")


def _shortened(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def _numeric(column: pa.Array) -> int:
    return int(pc.sum(pc.match_substring_regex(column, _NUMERIC)).as_py() or 0)
