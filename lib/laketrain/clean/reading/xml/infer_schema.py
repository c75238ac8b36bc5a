"""Which columns the elements of XML have: all of them texts, as XML has no types.

    shape = Shape(); shape.learn(record, form)
    shape.columns(form)       # id string, _lang string, author array<string>, price struct<_VALUE:string,_unit:string>
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import types as T

from laketrain.clean.reading.xml.options import Form
from laketrain.clean.reading.xml.split_records import Element


def parts(element: Element, form: Form) -> dict[str, list[Element | str]]:
    """An element's attributes, then the elements in it, by the names that they have as fields."""
    found: dict[str, list[Element | str]] = {}
    for name, value in element.attributes.items() if form.attributes else ():
        if not (form.local and name.split(":")[0] == "xmlns"):
            found.setdefault(form.prefix + form.named(name), []).append(value)
    for child in element.children:
        found.setdefault(form.named(child.name), []).append(child)
    return found


def own_texts(element: Element) -> list[str]:
    """An element's texts beside its attributes and elements; blanks between those are none."""
    if not element.children:
        return [text for text in element.texts if text]
    return [text for text in element.texts if text.strip()]


@dataclass
class Shape:
    """What elements of one name have in them. texts: the most texts of one; many: of which fields one has several."""

    texts: int = 0
    fields: dict[str, Shape] = field(default_factory=dict)
    many: set[str] = field(default_factory=set)

    def learn(self, element: Element, form: Form) -> None:
        """Takes an element into account."""
        self.texts = max(self.texts, len(own_texts(element)))
        for name, found in parts(element, form).items():
            shape = self.fields.setdefault(name, Shape())
            if len(found) > 1:
                self.many.add(name)
            for one in found:
                if isinstance(one, Element):
                    shape.learn(one, form)
                else:
                    shape.texts = max(shape.texts, 1)

    def merge(self, other: Shape) -> None:
        """Takes into account what another has learnt."""
        self.texts = max(self.texts, other.texts)
        self.many |= other.many
        for name, shape in other.fields.items():
            self.fields.setdefault(name, Shape()).merge(shape)

    def columns(self, form: Form) -> T.StructType:
        """The fields, in the order of their names."""
        kinds: dict[str, T.DataType] = {name: shape.kind(form) for name, shape in self.fields.items()}
        kinds.update({name: T.ArrayType(kinds[name]) for name in self.many})
        if self.texts and form.value not in kinds:
            kinds[form.value] = T.StringType() if self.texts == 1 else T.ArrayType(T.StringType())
        return T.StructType([T.StructField(name, kinds[name]) for name in sorted(kinds)])

    def kind(self, form: Form) -> T.DataType:
        """The type of such an element."""
        return self.columns(form) if self.fields else T.StringType()

    def names(self) -> Iterator[list[str]]:
        """The fields' names, and those within each of them."""
        yield list(self.fields)
        for shape in self.fields.values():
            yield from shape.names()

    def told(self) -> list[Any]:
        """As JSON can have it."""
        return [self.texts, sorted(self.many), {name: shape.told() for name, shape in self.fields.items()}]

    @classmethod
    def of(cls, told: list[Any]) -> Shape:
        """From that."""
        return cls(told[0], {name: cls.of(shape) for name, shape in told[2].items()}, set(told[1]))
