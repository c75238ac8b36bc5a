"""The first pass over a table's rows: counts, distinct values and ranges of each column, and how partitions merge.

    frame.select(*select_parts(plans)).mapInArrow(partial(first_pass, plans_to_json(plans)), RESULT_SCHEMA)

Everything merges in any order: the profile doesn't depend on how Spark partitions the rows.
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
from laketrain.profile.histogram import NumberCounts
from laketrain.profile.images import ImageCounts
from laketrain.profile.model import Kind
from laketrain.profile.values import MAX_COUNTED, ValueCounts

Floats = npt.NDArray[np.float64]

RESULT_SCHEMA = "result string"
DAY = 86_400
"""Seconds."""
LABEL = 120
"""Characters of a value that a profile shows."""
HEADER_BYTES = 1 << 16
"""Bytes of a file that are searched for its header."""

_PARTS = {"numbers": "c", "lengths": "n", "words": "w"}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NUMERIC = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


@dataclass(frozen=True)
class ColumnPlan:
    """How to profile a column.

    Attributes:
        step: the smallest difference of two values: 1 of integers, DAY of dates, 0 of others.
        elements: whether it is an array of numbers.
        limit: distinct values that are counted exactly.
    """

    number: int
    name: str
    type: str
    kind: Kind
    step: int = 0
    elements: bool = False
    limit: int = MAX_COUNTED

    @property
    def listed(self) -> bool:
        """Whether values are listed as text."""
        return self.kind in ("number", "text", "time", "boolean")

    @property
    def measures(self) -> dict[str, int]:
        """The numbers of each row that are summarised, by name, and the smallest difference of two of them."""
        return {"number": {"numbers": self.step}, "time": {"numbers": self.step},
                "text": {"lengths": 1, "words": 1}, "binary": {"lengths": 1},
                "array": {"lengths": 1}}.get(self.kind, {})


class Batch:
    """An Arrow batch of the columns' parts."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.rows = batch.num_rows
        self._columns = dict(zip(batch.schema.names, batch.columns, strict=True))

    def get(self, letter: str, plan: ColumnPlan) -> pa.Array | None:
        """A part of a column; None where the column has no such part."""
        return self._columns.get(f"{letter}{plan.number}")

    def numbers(self, plan: ColumnPlan) -> Floats:
        """(rows,) numbers; NaN where null."""
        decimal = self._columns.get(f"d{plan.number}")
        return numbers_of(self._columns[f"c{plan.number}"] if decimal is None else decimal)

    def measure(self, name: str, plan: ColumnPlan) -> Floats:
        """The numbers called `name`, without nulls."""
        column = self._columns[f"{_PARTS[name]}{plan.number}"]
        values = self.numbers(plan) if plan.kind == "number" else numbers_of(column)
        valid = values[np.asarray(column.is_valid())]
        return valid / 1e6 if plan.kind == "time" else valid


@dataclass
class ColumnCounts:
    """The results of the first pass for a column."""

    values: ValueCounts
    counts: Tally = field(default_factory=lambda: {"rows": 0, "nulls": 0, "looks_numeric": 0})
    numbers: dict[str, NumberCounts] = field(default_factory=dict)
    images: ImageCounts = field(default_factory=ImageCounts)

    @classmethod
    def of(cls, plan: ColumnPlan) -> ColumnCounts:
        """Empty counts."""
        numbers = {name: NumberCounts(plan.limit) for name in plan.measures}
        return cls(ValueCounts(plan.limit), numbers=numbers)

    def add(self, plan: ColumnPlan, batch: Batch) -> None:
        """Counts a batch's rows."""
        content = batch.get("c", plan)
        first = content if content is not None else batch.get("n", plan)
        assert first is not None
        merge(self.counts, {"rows": batch.rows, "nulls": first.null_count})
        hashes = batch.get("h", plan)
        if hashes is not None:
            values = content.filter(hashes.is_valid()) if content is not None and plan.listed else None
            self.values.add(np.asarray(hashes.drop_null(), np.int64), labeller(plan, values))
        for name in plan.measures:
            self.numbers[name].add(batch.measure(name, plan))
        if plan.kind == "text" and content is not None:
            merge(self.counts, {"looks_numeric": _count_numeric(content)})
        if plan.kind == "binary" and content is not None:
            self.images.add(content, batch.get("n", plan))
        if plan.elements:
            self._add_elements(plan, batch)

    def _add_elements(self, plan: ColumnPlan, batch: Batch) -> None:
        for letter in ("l", "m"):
            limits = batch.get(letter, plan)
            assert limits is not None
            values = numbers_of(limits.drop_null())
            finite = values[np.isfinite(values)]
            numbers = self.numbers.setdefault(f"elements {letter}", NumberCounts())
            if len(finite):
                numbers.add(np.array([finite.min(), finite.max()]))

    def merge(self, other: ColumnCounts) -> None:
        """Adds the counts of other rows."""
        merge(self.counts, other.counts)
        self.values.merge(other.values)
        self.images.merge(other.images)
        for name, numbers in other.numbers.items():
            self.numbers.setdefault(name, NumberCounts()).merge(numbers)

    def to_json(self) -> dict[str, Any]:
        return {"counts": self.counts, "values": self.values.to_json(), "images": self.images.to_json(),
                "numbers": {name: numbers.to_json() for name, numbers in self.numbers.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ColumnCounts:
        numbers = {name: NumberCounts.from_json(counts) for name, counts in data["numbers"].items()}
        return cls(ValueCounts.from_json(data["values"]), dict(data["counts"]), numbers,
                   ImageCounts.from_json(data["images"]))


def first_pass(plans: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Counts a partition's columns; yields one row."""
    columns = plans_from_json(plans)
    counts = [ColumnCounts.of(plan) for plan in columns]
    for batch in map(Batch, batches):
        for plan, column in zip(columns, counts, strict=True):
            column.add(plan, batch)
    yield result_of([column.to_json() for column in counts])


def merge_first(plans: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Merges the rows of several partitions into one."""
    results = (result for batch in batches for result in batch.column(0).to_pylist())
    yield result_of([column.to_json() for column in merge_columns(plans_from_json(plans), results)])


def merge_columns(plans: Sequence[ColumnPlan], results: Iterable[str]) -> list[ColumnCounts]:
    """The columns' counts of all rows."""
    counts = [ColumnCounts.of(plan) for plan in plans]
    for result in results:
        for column, part in zip(counts, json.loads(result), strict=True):
            column.merge(ColumnCounts.from_json(part))
    return counts


def result_of(data: Any) -> pa.RecordBatch:
    """A task's result as a batch of one row."""
    return pa.RecordBatch.from_arrays([pa.array([json.dumps(data)])], names=["result"])


def plans_to_json(plans: Sequence[ColumnPlan]) -> str:
    """The plans as text for the executors."""
    return json.dumps([asdict(plan) for plan in plans])


def plans_from_json(text: str) -> list[ColumnPlan]:
    """Reads the text of `plans_to_json`."""
    return [ColumnPlan(**plan) for plan in json.loads(text)]


def labeller(plan: ColumnPlan, column: pa.Array | None) -> Callable[[int], str]:
    """Returns a function from a row number to the value as text, or to '' where the column's values aren't listed."""
    if column is None:
        return lambda row: ""
    if plan.kind == "text":
        encoded = column.cast(pa.binary())
        return lambda row: _truncate(encoded[row].as_py().decode("utf-8", "replace"))
    if plan.kind == "time":
        return lambda row: format_time(plan.type, column[row].as_py())
    if plan.kind == "boolean":
        return lambda row: str(column[row].as_py()).lower()
    return lambda row: str(column[row].as_py())


def format_time(kind: str, micros: int) -> str:
    """Microseconds since 1970 as ISO 8601."""
    try:
        when = (_EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None)
    except OverflowError:
        return f"{micros} µs since 1970"
    return when.date().isoformat() if kind == "date" else when.isoformat(" ")


def _truncate(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def _count_numeric(column: pa.Array) -> int:
    return int(pc.sum(pc.match_substring_regex(column, _NUMERIC)).as_py() or 0)
