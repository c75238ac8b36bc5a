"""Infers the columns of XML records. All values are strings, as XML has no types.

    schema = ElementSchema(); schema.add(record, options)
    schema.to_struct(options)     # id string, author array<string>, price struct<_VALUE:string,_unit:string>
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import types as T

from laketrain.clean.reading.xml.options import XmlOptions
from laketrain.clean.reading.xml.split_records import Element


def fields_of(element: Element, options: XmlOptions) -> dict[str, list[Element | str]]:
    """The attributes of an element, then its child elements, by their field names."""
    fields: dict[str, list[Element | str]] = {}
    for name, value in element.attributes.items() if options.include_attributes else ():
        if not (options.ignore_namespace and name.split(":")[0] == "xmlns"):
            fields.setdefault(options.attribute_prefix + options.local_name(name), []).append(value)
    for child in element.children:
        fields.setdefault(options.local_name(child.name), []).append(child)
    return fields


def text_parts(element: Element) -> list[str]:
    """The texts of an element itself. Blanks between child elements don't count."""
    if not element.children:
        return [text for text in element.texts if text]
    return [text for text in element.texts if text.strip()]


@dataclass
class ElementSchema:
    """The contents of all elements of one name.

    Attributes:
        max_texts: the largest number of texts in one element. fields: the schemas of attributes and child elements.
            repeated: the fields that some element has more than once.
    """

    max_texts: int = 0
    fields: dict[str, ElementSchema] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)

    def add(self, element: Element, options: XmlOptions) -> None:
        """Adds the contents of an element."""
        self.max_texts = max(self.max_texts, len(text_parts(element)))
        for name, values in fields_of(element, options).items():
            schema = self.fields.setdefault(name, ElementSchema())
            if len(values) > 1:
                self.repeated.add(name)
            for value in values:
                if isinstance(value, Element):
                    schema.add(value, options)
                else:
                    schema.max_texts = max(schema.max_texts, 1)

    def merge(self, other: ElementSchema) -> None:
        """Adds another schema."""
        self.max_texts = max(self.max_texts, other.max_texts)
        self.repeated |= other.repeated
        for name, schema in other.fields.items():
            self.fields.setdefault(name, ElementSchema()).merge(schema)

    def to_struct(self, options: XmlOptions) -> T.StructType:
        """The fields as a struct, ordered by name."""
        kinds: dict[str, T.DataType] = {name: schema.to_type(options) for name, schema in self.fields.items()}
        kinds.update({name: T.ArrayType(kinds[name]) for name in self.repeated})
        if self.max_texts and options.value_tag not in kinds:
            kinds[options.value_tag] = T.StringType() if self.max_texts == 1 else T.ArrayType(T.StringType())
        return T.StructType([T.StructField(name, kinds[name]) for name in sorted(kinds)])

    def to_type(self, options: XmlOptions) -> T.DataType:
        """The type of an element: a string if it has no fields."""
        return self.to_struct(options) if self.fields else T.StringType()

    def names(self) -> Iterator[list[str]]:
        """The names of the fields, then those within each field, recursively."""
        yield list(self.fields)
        for schema in self.fields.values():
            yield from schema.names()

    def to_json(self) -> list[Any]:
        """A value that JSON can represent."""
        return [self.max_texts, sorted(self.repeated), {name: schema.to_json() for name, schema in self.fields.items()}]

    @classmethod
    def from_json(cls, value: list[Any]) -> ElementSchema:
        """The schema from the value of `to_json`."""
        return cls(value[0], {name: cls.from_json(schema) for name, schema in value[2].items()}, set(value[1]))
