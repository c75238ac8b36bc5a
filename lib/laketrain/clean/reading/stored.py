"""A column as a Parquet or ORC file stores it: the types of Spark in which its values can be read without losing any.

    column = stored(pa.field("took", pa.duration("ns")))
    column.said                        # 'duration[ns]', for messages
    column.inferred                    # DayTimeIntervalType(): what `schema: infer` takes it as; None for nothing
    column.fits(T.LongType())          # False: a number without its unit isn't what was stored
    column.remedy                      # "declare it interval day to second"

Spark reads most types itself. Of some it gives another value without a word (a duration's bare number, times cut to
microseconds), others it doesn't read at all; these are read through pyarrow, in the tasks (`grouped`, `exact`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import pyarrow as pa
from pyspark.sql import types as T

TIMES = (T.TimestampType(), T.TimestampNTZType())
MOST_DIGITS = 38
INTERVAL, MONTHS = T.DayTimeIntervalType(), T.YearMonthIntervalType()
_EXTENSION, _SPARK = b"ARROW:extension:name", b"spark.sql.catalyst.type"
"""What Arrow and, in ORC, Spark note beside a field."""
_HOLDING = {"list": "array", "map": "map", "struct": "struct"}


Reader = Literal["spark", "text", "pyarrow"]
"""Who gives values exactly: Spark; Spark as text, which is cast then; or else pyarrow."""


@dataclass(frozen=True)
class Way:
    """A type in which values can be read, and by whom."""

    kind: T.DataType
    by: Reader = "spark"


@dataclass(frozen=True)
class Stored:
    """A column, or a part of one.

    said: its type in words. ways: those of a value that has no parts, the natural one first. parts: of a list its
    element, of a map key and value, of a struct its fields, whose names are `names`. asks: whether only a declaration
    says what the values mean. empty: whether it is of Arrow's null type, which has no values. advice: what helps where
    there is no way.
    """

    said: str
    ways: tuple[Way, ...] = ()
    form: Literal["value", "list", "map", "struct"] = "value"
    parts: tuple[Stored, ...] = ()
    names: tuple[str, ...] = ()
    asks: bool = False
    empty: bool = False
    advice: str = ""

    @property
    def inferred(self) -> T.DataType | None:
        """What it is read as where nobody declared it; None where that can't be told."""
        return None if any(leaf.asks or leaf.empty or not leaf.ways for leaf in self.leaves()) else self._natural()

    @property
    def remedy(self) -> str:
        """What helps where it isn't declared as it can be read."""
        advice = next((leaf.advice for leaf in self.leaves() if leaf.advice), "")
        if any(not leaf.ways and not leaf.empty for leaf in self.leaves()):
            return advice or "write it in another type"
        others = [way.kind.simpleString() for way in self.ways[1:]] if self.form == "value" else []
        declared = "any type" if self.empty else " or ".join([self._natural().simpleString(), *others])
        return f"declare it {declared}{', ' * bool(advice)}{advice}"

    def fits(self, wanted: T.DataType) -> bool:
        """Whether each value can be read as `wanted`, or is refused by its row."""
        if self.form == "value":
            return self.empty or self._way(wanted) is not None
        inner = self._inner(wanted)
        return inner is not None and all(part.fits(kind) for part, kind in zip(self.parts, inner, strict=True))

    def readers(self, wanted: T.DataType) -> set[Reader]:
        """Who has to read the values as `wanted`, which fits."""
        if self.form == "value":
            way = self._way(wanted)
            return {way.by if way else "pyarrow"}
        inner = zip(self.parts, self._inner(wanted) or (), strict=True)
        return {reader for part, kind in inner for reader in part.readers(kind)}

    def as_spark_reads(self, wanted: T.DataType) -> T.DataType:
        """`wanted`, but times as the file has them, with a zone or without, or as text: Spark casts them then."""
        if self.form == "value":
            way = self._way(wanted)
            assert way is not None
            return T.StringType() if way.by == "text" else way.kind
        inner = [part.as_spark_reads(kind)
                 for part, kind in zip(self.parts, self._inner(wanted) or (), strict=True)]
        return _made(self.form, inner, self.names)

    def leaves(self) -> Iterator[Stored]:
        """The values without parts; a struct without fields is one."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def _way(self, wanted: T.DataType) -> Way | None:
        same = next((way for way in self.ways if way.kind == wanted), None)
        # Written by pandas, times have no zone; the session's is UTC, so both are the same instant.
        return same or next((way for way in self.ways if way.kind in TIMES and wanted in TIMES), None)

    def _inner(self, wanted: T.DataType) -> tuple[T.DataType, ...] | None:
        """The types of its parts in `wanted`; None where that is something else."""
        if self.form == "list" and isinstance(wanted, T.ArrayType):
            return (wanted.elementType,)
        if self.form == "map" and isinstance(wanted, T.MapType):
            return wanted.keyType, wanted.valueType
        if self.form == "struct" and isinstance(wanted, T.StructType) and tuple(wanted.names) == self.names:
            return tuple(field.dataType for field in wanted)
        return None

    def _natural(self) -> T.DataType:
        if self.form == "value":
            return self.ways[0].kind if self.ways else T.StringType()
        return _made(self.form, [part._natural() for part in self.parts], self.names)


def stored(field: pa.Field, logical: Iterator[str] | None = None, spark: Any = None) -> Stored:
    """How a field is stored.

    Args:
        logical: what Parquet itself calls the values below it, one after the other, as `Leaf` says; none in ORC.
        spark: the type that Spark noted beside the field when it wrote the file, as in its JSON.
    """
    note = field.metadata or {}
    spark = note[_SPARK].decode() if _SPARK in note else spark
    if isinstance(spark, dict) and spark.get("type") == "udt":
        spark = spark.get("sqlType")
    return _of_kind(field.type, logical or iter(()), spark, note.get(_EXTENSION, b"").decode())


def _of_kind(kind: pa.DataType, logical: Iterator[str], spark: Any, extension: str) -> Stored:
    if isinstance(kind, pa.BaseExtensionType):
        extension, kind = kind.extension_name, kind.storage_type
    if pa.types.is_dictionary(kind) or _is(kind, "run_end_encoded"):
        kind = kind.value_type
    nested = _nested(kind)
    if nested is None:
        found = _value(kind, next(logical, ""), spark)
    else:
        form, fields = nested
        below = _noted(form, [field.name for field in fields], spark)
        parts = tuple(stored(field, logical, note) for field, note in zip(fields, below, strict=True))
        names = tuple(field.name for field in fields) if form == "struct" else ()
        found = Stored(_worded(form, parts, names), (), form, parts, names)
        if spark == "variant":
            found = Stored("variant", advice="write it as text, e.g. by to_json")
        elif form == "struct" and not fields:
            found = Stored("struct<>", advice="leave it out, as a struct without fields holds nothing")
    return _extended(found, extension)


def meant(field: pa.Field, noted: pa.Field) -> pa.Field:
    """A field of a Parquet file, whose types are Parquet's, with what Arrow noted of it: the unit of a duration, and
    the name of an extension."""
    kind, note = field.type, dict(noted.metadata or {})
    if isinstance(noted.type, pa.BaseExtensionType):
        noted, note = noted.with_type(noted.type.storage_type), {_EXTENSION: noted.type.extension_name.encode()}
    if pa.types.is_duration(noted.type) and kind == pa.int64():
        kind = noted.type
    nested, other = _nested(kind), _nested(noted.type)
    if nested and other and nested[0] == other[0] and len(nested[1]) == len(other[1]):
        parts = [meant(one, two) for one, two in zip(nested[1], other[1], strict=True)]
        made = {"list": pa.list_, "map": pa.map_, "struct": lambda *fields: pa.struct(fields)}
        kind = made[nested[0]](*parts)
    name = note.get(_EXTENSION)
    return pa.field(field.name, kind, field.nullable, {_EXTENSION: name} if name else None)


def in_orc(column: Stored, writer: str) -> Stored:
    """The same in a file of ORC by `writer`, as pyarrow calls it.

    ORC counts nanoseconds, of which Spark drops some. pyarrow's count runs over in 1677 and 2262, and it reads days
    before 1582 as the writers in C++ write them, by another calendar than those in Java.
    """
    if column.parts:
        return replace(column, parts=tuple(in_orc(part, writer) for part in column.parts))
    if writer == "ORC_CPP" and column.said.startswith(("timestamp[", "date")):
        return replace(column, ways=tuple(Way(way.kind, "pyarrow") for way in column.ways))
    if column.said == "timestamp[ns]":
        return replace(column, ways=tuple(Way(way.kind, "text" if way.by == "pyarrow" else way.by)
                                          for way in column.ways))
    if column.said.startswith("timestamp["):
        return Stored(column.said, advice="write it without a zone, as UTC has it")
    return column


def _is(kind: pa.DataType, name: str) -> bool:
    """Whether it is of a kind that this pyarrow may not have yet."""
    asked = getattr(pa.types, f"is_{name}", None)
    return bool(asked and asked(kind))


def _nested(kind: pa.DataType) -> tuple[Literal["list", "map", "struct"], list[pa.Field]] | None:
    if pa.types.is_map(kind):
        return "map", [kind.key_field, kind.item_field]
    if pa.types.is_struct(kind):
        return "struct", [kind.field(number) for number in range(kind.num_fields)]
    lists = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    return ("list", [kind.value_field]) if any(_is(kind, name) for name in lists) else None


def _noted(form: str, names: list[str], spark: Any) -> list[Any]:
    """What Spark noted of the parts."""
    note = spark if isinstance(spark, dict) else {}
    if form == "struct":
        below = {field["name"]: field["type"] for field in note.get("fields", ())}
        return [below.get(name) for name in names]
    return [note.get("elementType")] if form == "list" else [note.get("keyType"), note.get("valueType")]


def _value(kind: pa.DataType, logical: str, spark: Any) -> Stored:
    if isinstance(spark, str) and spark.startswith("interval "):
        months = spark.removeprefix("interval ").split()[0] in ("year", "month")
        return Stored(spark, (Way(MONTHS if months else INTERVAL),))
    if spark == "timestamp_ntz":
        return Stored(spark, (Way(T.TimestampNTZType()),))
    if logical == "INTERVAL":
        return Stored(logical, advice="write it as text or as numbers, as nothing in Spark has months, days and "
                                      "milliseconds")
    if logical in _LOGICAL:
        return Stored(f"{logical} ({kind})", _LOGICAL[logical])
    plain = _PLAIN.get(kind)
    if plain is not None:
        own = kind not in _NOT_OF_SPARK
        return Stored(plain[0].kind.simpleString() if own else str(kind), plain)
    if pa.types.is_null(kind):
        return Stored("null", empty=True)
    return _sized(kind, spark)


def _sized(kind: pa.DataType, spark: Any) -> Stored:
    """A type that comes in several units or sizes."""
    said = str(kind)
    if pa.types.is_timestamp(kind):
        # What Spark wrote has no digits below a microsecond, whatever the file could hold.
        own = spark == "timestamp"
        exact = own or kind.unit != "ns"
        time = TIMES[kind.tz is None and not own]
        return Stored(said if kind.unit == "ns" else time.simpleString(), (Way(time, "spark" if exact else "pyarrow"),))
    if pa.types.is_duration(kind):
        return Stored(said, (Way(INTERVAL, "pyarrow"),))
    if pa.types.is_time(kind):
        return Stored(said, (Way(T.StringType(), "pyarrow"),))
    if pa.types.is_decimal(kind):
        if kind.precision <= MOST_DIGITS:
            exactly = T.DecimalType(kind.precision, kind.scale)
            return Stored(exactly.simpleString(), (Way(exactly),))
        text = Way(T.StringType(), "pyarrow")
        narrow = (Way(T.DecimalType(MOST_DIGITS, kind.scale), "pyarrow"),) if kind.scale <= MOST_DIGITS else ()
        return Stored(said, (*narrow, text))
    if pa.types.is_fixed_size_binary(kind):
        return Stored(said, (Way(T.BinaryType()),))
    for name, spark_kind in (("string_view", T.StringType()), ("binary_view", T.BinaryType())):
        if _is(kind, name):
            return Stored(said, (Way(spark_kind),))
    return Stored(said, advice=f"write it in another type, as neither Spark nor laketrain reads a {said}")


def _extended(found: Stored, name: str) -> Stored:
    """What an extension of Arrow, or of another library, makes of what is stored."""
    if not name:
        return found
    said = f"{name} ({found.said})"
    if name in _EXTENSIONS:
        return Stored(said, _EXTENSIONS[name])
    return Stored(said, found.ways, found.form, found.parts, found.names, asks=True, empty=found.empty,
                  advice="to take what is stored, whatever it means")


def _worded(form: str, parts: tuple[Stored, ...], names: tuple[str, ...]) -> str:
    labels = [f"{name}:" for name in names] or [""] * len(parts)
    return f"{_HOLDING[form]}<{','.join(f'{label}{part.said}' for label, part in zip(labels, parts, strict=True))}>"


def _made(form: str, inner: list[T.DataType], names: tuple[str, ...]) -> T.DataType:
    if form == "list":
        return T.ArrayType(inner[0])
    if form == "map":
        return T.MapType(inner[0], inner[1])
    return T.StructType([T.StructField(name, kind) for name, kind in zip(names, inner, strict=True)])


_PLAIN: Mapping[pa.DataType, tuple[Way, ...]] = {
    pa.bool_(): (Way(T.BooleanType()),),
    pa.int8(): (Way(T.ByteType()),), pa.int16(): (Way(T.ShortType()),),
    pa.int32(): (Way(T.IntegerType()),), pa.int64(): (Way(T.LongType()),),
    pa.uint8(): (Way(T.ShortType()),), pa.uint16(): (Way(T.IntegerType()),), pa.uint32(): (Way(T.LongType()),),
    pa.uint64(): (Way(T.DecimalType(20, 0)), Way(T.LongType(), "pyarrow")),
    pa.float16(): (Way(T.FloatType(), "pyarrow"),),
    pa.float32(): (Way(T.FloatType()),), pa.float64(): (Way(T.DoubleType()),),
    pa.string(): (Way(T.StringType()),), pa.large_string(): (Way(T.StringType()),),
    pa.binary(): (Way(T.BinaryType()),), pa.large_binary(): (Way(T.BinaryType()),),
    pa.date32(): (Way(T.DateType()),), pa.date64(): (Way(T.DateType()),),
}
_NOT_OF_SPARK = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16())
"""Types that Spark has no word for."""
_UUID = (Way(T.StringType(), "pyarrow"), Way(T.BinaryType()))
_LOGICAL: Mapping[str, tuple[Way, ...]] = {
    "INT96": (Way(T.TimestampType(), "pyarrow"),),
    "INT96 of Spark": (Way(T.TimestampType()),),
    "UUID": _UUID,
    "JSON": (Way(T.StringType()),),
    "ENUM": (Way(T.StringType()),),
    "BSON": (Way(T.BinaryType()),),
}
"""What Parquet calls values whose Arrow type doesn't say it."""
_EXTENSIONS: Mapping[str, tuple[Way, ...]] = {
    "arrow.uuid": _UUID,
    "arrow.json": (Way(T.StringType()),),
    "arrow.bool8": (Way(T.BooleanType(), "pyarrow"),),
}
