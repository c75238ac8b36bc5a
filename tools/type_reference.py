"""Writes docs/reference/types.md: what clean makes of every type of Arrow and Parquet, as the code says of each.

    make reference      # = .venv/bin/python tools/type_reference.py, and that of the config

`tests/clean/reading/columnar/test_stored_types.py` reads a file of each of these kinds and compares the values.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyspark.sql.types import DataType

from laketrain.clean.reading.columnar.conversion import to_spark
from laketrain.clean.reading.columnar.stored_types import TIMES, StoredType, stored_type

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "types.md"
HEAD = Path(__file__).with_suffix(".md")
"""The prose around the table."""
D = decimal.Decimal
UTC = dt.timezone.utc
DAY = dt.datetime.fromisoformat("2024-02-29T23:59:58.123456")
OLD = dt.datetime.fromisoformat("0001-01-01T01:02:03")
OLDEST_NANOS = dt.datetime.fromisoformat("1677-12-01T01:02:03")
SPAN = dt.timedelta(days=1, seconds=2)
OCLOCK = dt.time(1, 2, 3, 500000)
UUID = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
FAR = 2**62


_NOTES = {"pandas.period": '{"freq": "M"}', "pandas.interval": '{"subtype": "int64", "closed": "right"}'}
"""What extensions need that a library may know."""


@dataclass(frozen=True)
class Kind:
    """A type, values of it, and as what they are to be read.

    values: as pyarrow takes them. read: in the inferred type, as pyarrow gives them; the same as `values` by default.
    also: further types that can be declared, with the values in them. refused: a value that no type holds. logical:
    what Parquet calls it, where Arrow has no type of its own. extension: the name of Arrow's extension type.
    """

    type: pa.DataType
    values: Sequence[Any] = ()
    read: Sequence[Any] | None = None
    also: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    refused: Any = None
    logical: str = ""
    extension: str = ""

    @property
    def name(self) -> str:
        """As the table has it."""
        return self.extension or (f"Parquet's {self.logical}" if self.logical else str(self.type))

    @property
    def expected(self) -> Sequence[Any]:
        """What is read of `values`, then of a null."""
        return [*(self.values if self.read is None else self.read), None]

    @property
    def field(self) -> pa.Field:
        """As a file's schema has it."""
        note = {"ARROW:extension:name": self.extension}
        if self.extension in _NOTES:
            note["ARROW:extension:metadata"] = _NOTES[self.extension]
        return pa.field("x", self.type, metadata=note if self.extension else None)

    @property
    def stored_type(self) -> StoredType:
        """What the reader takes it for."""
        return stored_type(self.field, iter([self.logical]))

    def refused_as(self, kind: DataType) -> set[str]:
        """Why a row with the refused value is quarantined where the column is of that type; nothing where it isn't."""
        return set() if self.refused is None else set(to_spark(self.array([self.refused]), kind)[1].values())

    def problems(self) -> dict[str, str]:
        """All such reasons, each with a type."""
        return {problem: read.kind.simpleString() for read in self.stored_type.read_types
                for problem in self.refused_as(read.kind)}

    def array(self, values: Sequence[Any] | None = None) -> pa.Array:
        """The values, and a null."""
        given = list(self.values) if values is None else list(values)
        if pa.types.is_float16(self.type):
            return pa.array(np.array([*given, 0], np.float16), mask=np.array([*(False for _ in given), True]))
        if pa.types.is_dictionary(self.type):
            return pa.array([*given, None], self.type.value_type).dictionary_encode().cast(self.type)
        return pa.array([*given, None], self.type)


def _whole(kind: pa.DataType, bits: int, signed: bool) -> Kind:
    return Kind(kind, [2 ** (bits - signed) - 1, -(2 ** (bits - 1)) if signed else 0])


def _times(unit: str, zone: str | None) -> Kind:
    cut = {"s": 10**6, "ms": 1000}.get(unit, 1)
    late = DAY.replace(microsecond=DAY.microsecond // cut * cut)
    early = OLDEST_NANOS if unit == "ns" else OLD
    naive, aware = [late, early], [late.replace(tzinfo=UTC), early.replace(tzinfo=UTC)]
    values, also = (aware, {"timestamp_ntz": naive}) if zone else (naive, {"timestamp": aware})
    return Kind(pa.timestamp(unit, zone), values, None, also, 1 if unit == "ns" else None)


KINDS: tuple[Kind, ...] = (
    Kind(pa.null(), []),
    Kind(pa.bool_(), [True, False]),
    *(_whole(getattr(pa, f"int{bits}")(), bits, True) for bits in (8, 16, 32, 64)),
    *(_whole(getattr(pa, f"uint{bits}")(), bits, False) for bits in (8, 16, 32)),
    Kind(pa.uint64(), [2**63 - 1, 0], [D(2**63 - 1), D(0)], {"bigint": [2**63 - 1, 0]}, 2**64 - 1),
    Kind(pa.float16(), [1.5, -65504.0]),
    Kind(pa.float32(), [1.5, -0.25]),
    Kind(pa.float64(), [0.1, 1e300]),
    Kind(pa.decimal128(10, 2), [D("12345678.90"), D("-0.01")]),
    Kind(pa.decimal128(38, 10), [D("1.0000000001"), D("-1.0000000000")]),
    Kind(pa.decimal256(30, 2), [D("1234567890123456789012345678.25"), D("0.00")]),
    Kind(pa.decimal256(76, 2), [D("1.25"), D("-9.00")], None, {"string": ["1.25", "-9.00"]}, D(10) ** 60),
    Kind(pa.string(), ["é", ""]),
    Kind(pa.large_string(), ["é", ""]),
    Kind(pa.binary(), [b"\x00\xff", b""]),
    Kind(pa.large_binary(), [b"\x00\xff", b""]),
    Kind(pa.binary(3), [b"abc", b"\x00\x00\xff"]),
    Kind(pa.date32(), [dt.date(2024, 2, 29), dt.date(1, 1, 1)]),
    Kind(pa.date64(), [dt.date(2024, 2, 29), dt.date(1, 1, 1)]),
    *(_times(unit, zone) for zone in (None, "UTC", "Europe/Oslo") for unit in ("s", "ms", "us", "ns")),
    *(Kind(pa.time32(unit), [dt.time(1, 2, 3), dt.time(0)], ["01:02:03", "00:00:00"]) for unit in ("s", "ms")),
    *(Kind(pa.time64(unit), [OCLOCK, dt.time(0)], ["01:02:03.5", "00:00:00"]) for unit in ("us", "ns")),
    *(Kind(pa.duration(unit), [SPAN, -SPAN], None, {}, {"ns": 1, "us": None}.get(unit, FAR))
      for unit in ("s", "ms", "us", "ns")),
    Kind(pa.month_day_nano_interval()),
    Kind(pa.dictionary(pa.int32(), pa.string()), ["a", "b"]),
    Kind(pa.dictionary(pa.int8(), pa.int64()), [5, 6]),
    Kind(pa.list_(pa.int32()), [[1, None], []]),
    Kind(pa.large_list(pa.int32()), [[1, None], []]),
    Kind(pa.list_(pa.int32(), 2), [[1, 2], [3, None]]),
    Kind(pa.map_(pa.string(), pa.int32()), [[("a", 1)], []]),
    Kind(pa.struct([("a", pa.int32())]), [{"a": 1}, {"a": None}]),
    Kind(pa.struct([])),
    Kind(pa.dense_union([pa.field("a", pa.int32()), pa.field("b", pa.string())])),
    Kind(pa.run_end_encoded(pa.int32(), pa.int64())),
    Kind(pa.timestamp("ns"), [DAY], [DAY.replace(tzinfo=UTC)], {"timestamp_ntz": [DAY]}, 1, logical="INT96"),
    Kind(pa.binary(16), [UUID.bytes], [str(UUID)], {"binary": [UUID.bytes]}, logical="UUID"),
    Kind(pa.binary(), [b'{"a":1}'], ['{"a":1}'], logical="JSON"),
    Kind(pa.binary(), [b"red"], ["red"], logical="ENUM"),
    Kind(pa.binary(), [b"\x05\x00\x00\x00\x00"], logical="BSON"),
    Kind(pa.binary(12), logical="INTERVAL"),
    Kind(pa.binary(16), [UUID.bytes], [str(UUID)], {"binary": [UUID.bytes]}, extension="arrow.uuid"),
    Kind(pa.string(), ['{"a":1}'], extension="arrow.json"),
    Kind(pa.int8(), [1, 0], [True, False], extension="arrow.bool8"),
    Kind(pa.int64(), [660], extension="pandas.period"),
    Kind(pa.struct([("left", pa.int64()), ("right", pa.int64())]), [{"left": 0, "right": 1}],
         extension="pandas.interval"),
)
"""Every type that a file may have, as far as this pyarrow knows them."""


def reference() -> str:
    """The whole page."""
    rows = ["| stored as | inferred as | declared as | read by | otherwise |", "|---|---|---|---|---|",
            *(row(kind) for kind in KINDS)]
    return HEAD.read_text("utf-8").replace("<!-- types -->", "\n".join(rows))


def row(kind: Kind) -> str:
    """What the code says of a type, as a row of the table."""
    column, inferred = kind.stored_type, kind.stored_type.inferred
    own = [] if column.form == "value" else [column.natural]
    taken = [read.kind for read in column.read_types] or own
    if taken and taken[0] in TIMES:
        taken = sorted(TIMES, key=lambda time: time != taken[0])
    readers = dict.fromkeys(", ".join(sorted(column.readers(one))) for one in taken)
    inferred_as = "refused" if inferred is None else f"`{inferred.simpleString()}`"
    declared = "any type" if column.empty else ", ".join(f"`{one.simpleString()}`" for one in taken) or "refused"
    by = " or ".join(readers).replace("spark", "Spark")
    return f"| {kind.name} | {inferred_as} | {declared} | {by} | {_otherwise(kind)} |"


def _otherwise(kind: Kind) -> str:
    column = kind.stored_type
    if column.inferred is None:
        return column.remedy
    return "; ".join(f"a row with {problem} is quarantined" for problem in kind.problems())


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")
