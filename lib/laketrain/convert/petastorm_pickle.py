"""Writes the pickle of a Petastorm schema, without Petastorm and without what it names.

    content = pickle_schema("Train", [Field("label", "int64", (), scalar_codec("LongType"))])

Pickle's own writer names only classes that it can import. This one writes the few instructions of protocol 2 that a
schema needs, so the bytes depend neither on Petastorm nor on the versions of NumPy and PySpark. They are those of
`pickle.dumps(Unischema(name, fields), protocol=2)` with Petastorm 0.13.1, NumPy 1.26 and PySpark 4.0, where columns of
a type share its object. NumPy 2 reads them too, since it still has the name `bool_`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any


@dataclass(frozen=True)
class Codec:
    """A codec of Petastorm: its class in `petastorm.codecs` and its attributes."""

    name: str
    state: Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """A `petastorm.unischema.UnischemaField` that isn't nullable.

    `scalar_type` is a name in NumPy, as `uint8`. `shape` has None where sizes differ between rows.
    """

    name: str
    scalar_type: str
    shape: tuple[int | None, ...]
    codec: Codec


def ndarray_codec() -> Codec:
    """Arrays in NumPy's file format."""
    return Codec("NdarrayCodec", {})


def image_codec(format: str) -> Codec:
    """Images as `png` or `jpeg`. Petastorm uses the quality, which is its default, when it writes."""
    return Codec("CompressedImageCodec", {"_image_codec": f".{format}", "_quality": 80})


def scalar_codec(spark_type: str) -> Codec:
    """Values of a type of `pyspark.sql.types`, as `LongType`."""
    return Codec("ScalarCodec", {"_spark_type": _spark_type(spark_type)})


def pickle_schema(name: str, fields: Sequence[Field]) -> bytes:
    """The pickle of a `petastorm.unischema.Unischema`."""
    values = {field.name: _field(field) for field in fields}
    state = {"_name": name, "_fields": _OrderedDict(values), **values}
    return _Writer().dump(_Object(_Class("petastorm.unischema", "Unischema"), (), state))


def _field(field: Field) -> _Object:
    codec = _Object(_Class("petastorm.codecs", field.codec.name), (), field.codec.state)
    values = (field.name, _Class("numpy", field.scalar_type), field.shape, codec, False)
    return _Object(_Class("petastorm.unischema", "UnischemaField"), values, {})


@dataclass(frozen=True)
class _Class:
    module: str
    name: str


@dataclass(frozen=True, eq=False)
class _Object:
    """An object made by `cls.__new__(cls, *arguments)`, with `state` as its attributes."""

    cls: _Class
    arguments: tuple[Any, ...]
    state: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class _OrderedDict:
    items: Mapping[str, Any]


@cache
def _spark_type(name: str) -> _Object:
    """One object for each type, so a pickle contains it once."""
    state = {"collation": "UTF8_BINARY"} if name == "StringType" else {}
    return _Object(_Class("pyspark.sql.types", name), (), state)


class _Writer:
    """Writes values as protocol 2 does. The opcodes are described in the standard library's `pickletools`."""

    def __init__(self) -> None:
        self._content = bytearray(b"\x80\x02")
        self._memo: dict[Any, int] = {}

    def dump(self, value: Any) -> bytes:
        self._write(value)
        return bytes(self._content + b".")

    def _write(self, value: Any) -> None:
        constant = {None: b"N", True: b"\x88", False: b"\x89"}
        if value is None or isinstance(value, bool):
            self._content += constant[value]
        elif isinstance(value, int):
            self._content += _integer(value)
        elif value == ():
            self._content += b")"
        elif value in self._memo:
            self._content += _indexed(b"h", b"j", self._memo[value])
        else:
            writers: dict[type, Callable[[Any], None]] = {
                str: self._write_text, tuple: self._write_tuple, _Class: self._write_class,
                _Object: self._write_object, _OrderedDict: self._write_ordered_dict}
            writers[type(value)](value)

    def _remember(self, key: Any) -> None:
        """Stores the value just written in the memo. Later equal ones refer to it."""
        index = len(self._memo)
        self._memo[key] = index
        self._content += _indexed(b"q", b"r", index)

    def _write_text(self, text: str) -> None:
        encoded = text.encode()
        self._content += b"X" + struct.pack("<I", len(encoded)) + encoded
        self._remember(text)

    def _write_tuple(self, values: tuple[Any, ...]) -> None:
        short = len(values) <= 3
        self._content += b"" if short else b"("
        for value in values:
            self._write(value)
        self._content += (b"\x85", b"\x86", b"\x87")[len(values) - 1] if short else b"t"
        # By identity, as pickle does: two equal shapes are written twice.
        self._remember(("tuple", id(values)))

    def _write_class(self, cls: _Class) -> None:
        self._content += f"c{cls.module}\n{cls.name}\n".encode("ascii")
        self._remember(cls)

    def _write_object(self, value: _Object) -> None:
        self._write(value.cls)
        self._write(value.arguments)
        self._content += b"\x81"
        self._remember(value)
        if value.state:
            self._content += b"}"
            self._remember(("state", id(value)))
            self._write_items(value.state)
            self._content += b"b"

    def _write_ordered_dict(self, value: _OrderedDict) -> None:
        self._write(_Class("collections", "OrderedDict"))
        self._content += b")R"
        self._remember(value)
        self._write_items(value.items)

    def _write_items(self, items: Mapping[str, Any]) -> None:
        single = len(items) == 1
        self._content += b"" if single else b"("
        for key, value in items.items():
            self._write(key)
            self._write(value)
        self._content += b"s" if single else b"u"


def _integer(value: int) -> bytes:
    if 0 <= value < 1 << 8:
        return b"K" + struct.pack("<B", value)
    if 0 <= value < 1 << 16:
        return b"M" + struct.pack("<H", value)
    return b"J" + struct.pack("<i", value)


def _indexed(short: bytes, long: bytes, index: int) -> bytes:
    return short + struct.pack("<B", index) if index < 1 << 8 else long + struct.pack("<I", index)
