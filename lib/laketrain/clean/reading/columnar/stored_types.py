"""The type of a column in a Parquet or ORC file, and the Spark types in which its values can be read without loss.

    column = stored_type(pa.field("took", pa.duration("ns")))
    column.label                       # 'duration[ns]', for messages
    column.inferred                    # DayTimeIntervalType(): its type with `schema: infer`; None if it has none
    column.fits(T.LongType())          # False: a number without its unit isn't the stored value
    column.remedy                      # "declare it interval day to second"

Spark reads most types itself. It silently changes values of some (a duration becomes a bare number, times are cut to
microseconds), and can't read others. pyarrow reads those (see `row_groups` and `conversion`).
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
"""Keys of a field's metadata that Arrow writes and, in ORC, Spark."""
_SPARK_NAMES = {"list": "array", "map": "map", "struct": "struct"}


Reader = Literal["spark", "text", "pyarrow"]
"""What reads the values exactly: Spark, Spark as text that is cast afterwards, or pyarrow."""


@dataclass(frozen=True)
class ReadType:
    """A type in which values can be read, and by which reader."""

    kind: T.DataType
    reader: Reader = "spark"


@dataclass(frozen=True)
class StoredType:
    """The type of a column, or of a part of one.

    label: its name in messages. read_types: the types of a value without parts, the natural one first. parts: a list's
    element, a map's key and value, or a struct's fields, which `names` names. ambiguous: only a declaration defines the
    values' meaning. empty: it is Arrow's null type, which has no values. advice: what to do if it can't be read.
    """

    label: str
    read_types: tuple[ReadType, ...] = ()
    form: Literal["value", "list", "map", "struct"] = "value"
    parts: tuple[StoredType, ...] = ()
    names: tuple[str, ...] = ()
    ambiguous: bool = False
    empty: bool = False
    advice: str = ""

    @property
    def inferred(self) -> T.DataType | None:
        """The type of a column that isn't declared; None if it is unknown."""
        unknown = any(part.ambiguous or part.empty or part.unreadable for part in self.walk())
        return None if unknown else self.natural

    @property
    def unreadable(self) -> bool:
        """Whether its values can't be read at all."""
        return self.form == "value" and not self.read_types and not self.empty

    @property
    def remedy(self) -> str:
        """What helps where it isn't declared as it can be read."""
        refused = next((part.advice for part in self.walk() if part.unreadable), "")
        if refused:
            return refused
        advice = next((part.advice for part in self.walk() if part.advice), "")
        others = [read.kind.simpleString() for read in self.read_types[1:]] if self.form == "value" else []
        declared = "any type" if self.empty else " or ".join([self.natural.simpleString(), *others])
        return f"declare it {declared}{', ' * bool(advice)}{advice}"

    def fits(self, target: T.DataType) -> bool:
        """Whether each value can be read as `target`, or its row rejected."""
        if self.form == "value":
            return self.empty or self._read_type(target) is not None
        inner = self._inner(target)
        return inner is not None and all(part.fits(kind) for part, kind in zip(self.parts, inner, strict=True))

    def readers(self, target: T.DataType) -> set[Reader]:
        """The readers of the values as `target`, which fits."""
        if self.form == "value":
            read = self._read_type(target)
            return {read.reader if read else "pyarrow"}
        inner = zip(self.parts, self._inner(target) or (), strict=True)
        return {reader for part, kind in inner for reader in part.readers(kind)}

    def as_spark_reads(self, target: T.DataType) -> T.DataType:
        """The schema for Spark's reader: `target`, but times with or without a zone as in the file, or as text."""
        if self.form == "value":
            read = self._read_type(target)
            assert read is not None
            return T.StringType() if read.reader == "text" else read.kind
        inner = [part.as_spark_reads(kind)
                 for part, kind in zip(self.parts, self._inner(target) or (), strict=True)]
        return _nest(self.form, inner, self.names)

    def walk(self) -> Iterator[StoredType]:
        """Itself and all its parts."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def _read_type(self, target: T.DataType) -> ReadType | None:
        same = next((read for read in self.read_types if read.kind == target), None)
        # pandas writes times without a zone. The session's zone is UTC, so they are the same instants.
        return same or next((read for read in self.read_types if read.kind in TIMES and target in TIMES), None)

    def _inner(self, target: T.DataType) -> tuple[T.DataType, ...] | None:
        """The types of its parts in `target`; None if that has another form."""
        if self.form == "list" and isinstance(target, T.ArrayType):
            return (target.elementType,)
        if self.form == "map" and isinstance(target, T.MapType):
            return target.keyType, target.valueType
        if self.form == "struct" and isinstance(target, T.StructType) and tuple(target.names) == self.names:
            return tuple(field.dataType for field in target)
        return None

    @property
    def natural(self) -> T.DataType:
        """The nearest type, in which it can be declared."""
        if self.form == "value":
            return self.read_types[0].kind if self.read_types else T.StringType()
        return _nest(self.form, [part.natural for part in self.parts], self.names)


def stored_type(field: pa.Field, logical: Iterator[str] | None = None, spark: Any = None) -> StoredType:
    """The stored type of a field.

    Args:
        logical: Parquet's names for the leaves below the field, in order (see `footers`); none in ORC.
        spark: the type in the metadata that Spark wrote, as in its JSON.
    """
    note = field.metadata or {}
    spark = note[_SPARK].decode() if _SPARK in note else spark
    if isinstance(spark, dict) and spark.get("type") == "udt":
        spark = spark.get("sqlType")
    return _of_kind(field.type, logical or iter(()), spark, note.get(_EXTENSION, b"").decode())


def _of_kind(kind: pa.DataType, logical: Iterator[str], spark: Any, extension: str) -> StoredType:
    if isinstance(kind, pa.BaseExtensionType):
        extension, kind = kind.extension_name, kind.storage_type
    if pa.types.is_dictionary(kind) or _is(kind, "run_end_encoded"):
        kind = kind.value_type
    nested = _nested(kind)
    if nested is None:
        result = _value(kind, next(logical, ""), spark)
    else:
        form, fields = nested
        below = _spark_types(form, [field.name for field in fields], spark)
        parts = tuple(stored_type(field, logical, note) for field, note in zip(fields, below, strict=True))
        names = tuple(field.name for field in fields) if form == "struct" else ()
        result = StoredType(_label(form, parts, names), (), form, parts, names)
        if spark == "variant":
            result = StoredType("variant", advice="write it as text, e.g. by to_json")
        elif form == "struct" and not fields:
            result = StoredType("struct<>", advice="leave it out, as a struct without fields contains nothing")
    return _with_extension(result, extension)


def with_arrow_metadata(field: pa.Field, noted: pa.Field) -> pa.Field:
    """A field with Parquet's type, plus what only Arrow's metadata contains: a duration's unit, an extension's name."""
    kind, note = field.type, dict(noted.metadata or {})
    if isinstance(noted.type, pa.BaseExtensionType):
        noted, note = noted.with_type(noted.type.storage_type), {_EXTENSION: noted.type.extension_name.encode()}
    if pa.types.is_duration(noted.type) and kind == pa.int64():
        kind = noted.type
    nested, other = _nested(kind), _nested(noted.type)
    if nested and other and nested[0] == other[0] and len(nested[1]) == len(other[1]):
        parts = [with_arrow_metadata(part, note) for part, note in zip(nested[1], other[1], strict=True)]
        types = {"list": pa.list_, "map": pa.map_, "struct": lambda *fields: pa.struct(fields)}
        kind = types[nested[0]](*parts)
    name = note.get(_EXTENSION)
    return pa.field(field.name, kind, field.nullable, {_EXTENSION: name} if name else None)


def as_orc(column: StoredType, writer: str) -> StoredType:
    """The column in an ORC file by `writer`, as pyarrow names it.

    ORC stores nanoseconds, which Spark truncates. pyarrow's nanoseconds overflow in 1677 and 2262. Writers in C++ and
    Java use different calendars before 1582, and pyarrow reads days as those in C++ write them.
    """
    if column.parts:
        return replace(column, parts=tuple(as_orc(part, writer) for part in column.parts))
    if writer == "ORC_CPP" and column.label.startswith(("timestamp[", "date")):
        return replace(column, read_types=tuple(ReadType(read.kind, "pyarrow") for read in column.read_types))
    if column.label == "timestamp[ns]":
        return replace(column, read_types=tuple(ReadType(read.kind, "text" if read.reader == "pyarrow" else read.reader)
                                          for read in column.read_types))
    if column.label.startswith("timestamp["):
        return StoredType(column.label, advice="write it without a zone, in UTC")
    return column


def _is(kind: pa.DataType, name: str) -> bool:
    """Whether the type is of a kind that older versions of pyarrow lack."""
    check = getattr(pa.types, f"is_{name}", None)
    return bool(check and check(kind))


def _nested(kind: pa.DataType) -> tuple[Literal["list", "map", "struct"], list[pa.Field]] | None:
    if pa.types.is_map(kind):
        return "map", [kind.key_field, kind.item_field]
    if pa.types.is_struct(kind):
        return "struct", [kind.field(number) for number in range(kind.num_fields)]
    lists = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view")
    return ("list", [kind.value_field]) if any(_is(kind, name) for name in lists) else None


def _spark_types(form: str, names: list[str], spark: Any) -> list[Any]:
    """Spark's types of the parts, from its metadata."""
    note = spark if isinstance(spark, dict) else {}
    if form == "struct":
        below = {field["name"]: field["type"] for field in note.get("fields", ())}
        return [below.get(name) for name in names]
    return [note.get("elementType")] if form == "list" else [note.get("keyType"), note.get("valueType")]


def _value(kind: pa.DataType, logical: str, spark: Any) -> StoredType:
    if isinstance(spark, str) and spark.startswith("interval "):
        months = spark.removeprefix("interval ").split()[0] in ("year", "month")
        return StoredType(spark, (ReadType(MONTHS if months else INTERVAL),))
    if spark == "timestamp_ntz":
        return StoredType(spark, (ReadType(T.TimestampNTZType()),))
    if logical == "INTERVAL":
        return StoredType(logical, advice="write it as text or as numbers, as no type in Spark has months, days and "
                                          "milliseconds")
    if logical in _LOGICAL:
        return StoredType(f"{logical} ({kind})", _LOGICAL[logical])
    plain = _PLAIN.get(kind)
    if plain is not None:
        return StoredType(str(kind) if kind in _NOT_IN_SPARK else plain[0].kind.simpleString(), plain)
    if pa.types.is_null(kind):
        return StoredType("null", empty=True)
    return _sized(kind, spark)


def _sized(kind: pa.DataType, spark: Any) -> StoredType:
    """A type with several units or sizes."""
    label = str(kind)
    if pa.types.is_timestamp(kind):
        # Spark writes no digits below a microsecond, whatever the file's unit.
        by_spark = spark == "timestamp"
        time = TIMES[kind.tz is None and not by_spark]
        reader: Reader = "spark" if by_spark or kind.unit != "ns" else "pyarrow"
        return StoredType(label if kind.unit == "ns" else time.simpleString(), (ReadType(time, reader),))
    if pa.types.is_duration(kind):
        return StoredType(label, (ReadType(INTERVAL, "pyarrow"),))
    if pa.types.is_time(kind):
        return StoredType(label, (ReadType(T.StringType(), "pyarrow"),))
    if pa.types.is_decimal(kind):
        if kind.precision <= MOST_DIGITS:
            same = T.DecimalType(kind.precision, kind.scale)
            return StoredType(same.simpleString(), (ReadType(same),))
        text = ReadType(T.StringType(), "pyarrow")
        narrow = (ReadType(T.DecimalType(MOST_DIGITS, kind.scale), "pyarrow"),) if kind.scale <= MOST_DIGITS else ()
        return StoredType(label, (*narrow, text))
    if pa.types.is_fixed_size_binary(kind):
        return StoredType(label, (ReadType(T.BinaryType()),))
    for name, spark_kind in (("string_view", T.StringType()), ("binary_view", T.BinaryType())):
        if _is(kind, name):
            return StoredType(label, (ReadType(spark_kind),))
    return StoredType(label, advice=f"write it in another type, as neither Spark nor laketrain reads a {label}")


def _with_extension(column: StoredType, name: str) -> StoredType:
    """The column with an extension type of Arrow or another library."""
    if not name:
        return column
    label = f"{name} ({column.label})"
    if name in _EXTENSIONS:
        return StoredType(label, _EXTENSIONS[name])
    return replace(column, label=label, ambiguous=True, advice="to read the stored values, whatever they mean")


def _label(form: str, parts: tuple[StoredType, ...], names: tuple[str, ...]) -> str:
    prefixes = [f"{name}:" for name in names] or [""] * len(parts)
    inner = ",".join(f"{prefix}{part.label}" for prefix, part in zip(prefixes, parts, strict=True))
    return f"{_SPARK_NAMES[form]}<{inner}>"


def _nest(form: str, inner: list[T.DataType], names: tuple[str, ...]) -> T.DataType:
    if form == "list":
        return T.ArrayType(inner[0])
    if form == "map":
        return T.MapType(inner[0], inner[1])
    return T.StructType([T.StructField(name, kind) for name, kind in zip(names, inner, strict=True)])


_PLAIN: Mapping[pa.DataType, tuple[ReadType, ...]] = {
    pa.bool_(): (ReadType(T.BooleanType()),),
    pa.int8(): (ReadType(T.ByteType()),), pa.int16(): (ReadType(T.ShortType()),),
    pa.int32(): (ReadType(T.IntegerType()),), pa.int64(): (ReadType(T.LongType()),),
    pa.uint8(): (ReadType(T.ShortType()),), pa.uint16(): (ReadType(T.IntegerType()),),
    pa.uint32(): (ReadType(T.LongType()),),
    pa.uint64(): (ReadType(T.DecimalType(20, 0)), ReadType(T.LongType(), "pyarrow")),
    pa.float16(): (ReadType(T.FloatType(), "pyarrow"),),
    pa.float32(): (ReadType(T.FloatType()),), pa.float64(): (ReadType(T.DoubleType()),),
    pa.string(): (ReadType(T.StringType()),), pa.large_string(): (ReadType(T.StringType()),),
    pa.binary(): (ReadType(T.BinaryType()),), pa.large_binary(): (ReadType(T.BinaryType()),),
    pa.date32(): (ReadType(T.DateType()),), pa.date64(): (ReadType(T.DateType()),),
}
_NOT_IN_SPARK = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float16())
"""Types that Spark doesn't have."""
_UUID = (ReadType(T.StringType(), "pyarrow"), ReadType(T.BinaryType()))
_LOGICAL: Mapping[str, tuple[ReadType, ...]] = {
    "INT96": (ReadType(T.TimestampType(), "pyarrow"),),
    "INT96 of Spark": (ReadType(T.TimestampType()),),
    "UUID": _UUID,
    "JSON": (ReadType(T.StringType()),),
    "ENUM": (ReadType(T.StringType()),),
    "BSON": (ReadType(T.BinaryType()),),
}
"""Parquet's names for values whose Arrow type lacks that information."""
_EXTENSIONS: Mapping[str, tuple[ReadType, ...]] = {
    "arrow.uuid": _UUID,
    "arrow.json": (ReadType(T.StringType()),),
    "arrow.bool8": (ReadType(T.BooleanType(), "pyarrow"),),
}
