"""Converts an XML record to nested values whose leaves are strings.

    RecordConverter(options, piece).convert(columns)        # {"id": "007", "author": ["A", "B"]}

Contents that don't fit the type, such as two elements where it has one, aren't dropped: they raise TypeMismatch. Only
fields that aren't declared are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import types as T

from laketrain.clean.reading.xml.decode import decode_record
from laketrain.clean.reading.xml.infer_schema import fields_of, text_parts
from laketrain.clean.reading.xml.options import XmlOptions
from laketrain.clean.reading.xml.split_records import Element, Piece


class TypeMismatch(Exception):
    """An element isn't of the type. The message is the reason."""


@dataclass(frozen=True)
class RecordConverter:
    """Converts the record of a piece."""

    options: XmlOptions
    piece: Piece

    def convert(self, kind: T.StructType) -> dict[str, Any]:
        """The values of the record by column. Raises TypeMismatch."""
        assert self.piece.element is not None
        return self._struct(self.piece.element, kind)

    def _struct(self, element: Element, kind: T.StructType) -> dict[str, Any]:
        fields = fields_of(element, self.options)
        if self.options.value_tag not in fields:
            fields[self.options.value_tag] = list(text_parts(element))
        return {field.name: self._field(field.name, fields.get(field.name, []), field.dataType) for field in kind}

    def _field(self, name: str, values: list[Element | str], kind: T.DataType) -> Any:
        if not values:
            return None
        if isinstance(kind, T.ArrayType):
            return [self._value(name, value, kind.elementType) for value in values]
        if len(values) > 1:
            type_name = kind.simpleString().partition('<')[0]
            raise TypeMismatch(f"has {name!r} {len(values)} times, expected one {type_name}")
        return self._value(name, values[0], kind)

    def _value(self, name: str, value: Element | str, kind: T.DataType) -> Any:
        if isinstance(kind, T.ArrayType) or (isinstance(value, str) and isinstance(kind, (T.StructType, T.MapType))):
            raise TypeMismatch(f"has no {kind.simpleString().partition('<')[0]} in {name!r}")
        if isinstance(value, str):
            return self._text(value, kind)
        if isinstance(kind, T.StructType):
            return self._struct(value, kind)
        if isinstance(kind, T.MapType):
            fields = fields_of(value, self.options)
            return [(key, self._field(key, values, kind.valueType)) for key, values in fields.items()]
        if not value.children:
            return self._text(value.texts[0], kind)
        if isinstance(kind, T.StringType):
            return decode_record(self.piece.inner(value), "utf-8")[0]
        raise TypeMismatch(f"has the element {value.children[0].name!r} in {name!r}, expected {kind.simpleString()}")

    def _text(self, text: str, kind: T.DataType) -> str | None:
        text = text.strip() if self.options.strip else text
        if text == self.options.null_value or not (text or isinstance(kind, T.StringType)):
            return None
        return text
