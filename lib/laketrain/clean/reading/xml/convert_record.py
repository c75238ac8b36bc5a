"""An element of XML as a value of a type, whose leaves are texts yet.

    Fit(form, piece).record(columns)        # {"id": "007", "author": ["A", "B"]}

What the type has no place for, as two elements where it has one, isn't dropped: it makes a Misfit, which says why. What
nobody declared is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyspark.sql import types as T

from laketrain.clean.reading.xml.decode import legible
from laketrain.clean.reading.xml.infer_schema import own_texts, parts
from laketrain.clean.reading.xml.options import Form
from laketrain.clean.reading.xml.split_records import Element, Piece


class Misfit(Exception):
    """An element isn't of the type; says why."""


@dataclass(frozen=True)
class Fit:
    """Values of a record."""

    form: Form
    piece: Piece

    def record(self, kind: T.StructType) -> dict[str, Any]:
        """All of it. Raises Misfit."""
        assert self.piece.element is not None
        return self._struct(self.piece.element, kind)

    def _struct(self, element: Element, kind: T.StructType) -> dict[str, Any]:
        found = parts(element, self.form)
        if self.form.value not in found:
            found[self.form.value] = list(own_texts(element))
        return {field.name: self._field(field.name, found.get(field.name, []), field.dataType) for field in kind}

    def _field(self, name: str, found: list[Element | str], kind: T.DataType) -> Any:
        if not found:
            return None
        if isinstance(kind, T.ArrayType):
            return [self._value(name, one, kind.elementType) for one in found]
        if len(found) > 1:
            raise Misfit(f"has {name!r} {len(found)} times, expected one {kind.simpleString().partition('<')[0]}")
        return self._value(name, found[0], kind)

    def _value(self, name: str, one: Element | str, kind: T.DataType) -> Any:
        if isinstance(kind, T.ArrayType) or (isinstance(one, str) and isinstance(kind, (T.StructType, T.MapType))):
            raise Misfit(f"has no {kind.simpleString().partition('<')[0]} in {name!r}")
        if isinstance(one, str):
            return self._text(one, kind)
        if isinstance(kind, T.StructType):
            return self._struct(one, kind)
        if isinstance(kind, T.MapType):
            return [(key, self._field(key, found, kind.valueType)) for key, found in parts(one, self.form).items()]
        if not one.children:
            return self._text(one.texts[0], kind)
        if isinstance(kind, T.StringType):
            return legible(self.piece.inner(one), "utf-8")[0]
        raise Misfit(f"has the element {one.children[0].name!r} in {name!r}, expected {kind.simpleString()}")

    def _text(self, text: str, kind: T.DataType) -> str | None:
        text = text.strip() if self.form.strip else text
        if text == self.form.null or not (text or isinstance(kind, T.StringType)):
            return None
        return text
