"""The options of an XML source: which element is a record, and the names of attributes and texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class XmlOptions:
    """Spark's options for XML.

    Attributes:
        row_tag: the element that is a record. attribute_prefix: precedes the name of an attribute. value_tag: the field
            for an element's own text, if it also has attributes or elements. include_attributes: whether attributes are
            read. ignore_namespace: whether the part of a name before its colon is dropped. strip: whether blanks around
            texts are dropped. null_value: the text that is null. encoding: overrides that of the files.
    """

    row_tag: str
    attribute_prefix: str = "_"
    value_tag: str = "_VALUE"
    include_attributes: bool = True
    ignore_namespace: bool = False
    strip: bool = False
    null_value: str | None = None
    encoding: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> XmlOptions:
        values = {name.lower(): value for name, value in options.items()}

        def is_set(name: str) -> bool:
            return str(values.get(name, False)).lower() == "true"

        null, encoding = values.get("nullvalue"), values.get("encoding", values.get("charset"))
        return cls(str(values["rowtag"]), str(values.get("attributeprefix", "_")),
                   str(values.get("valuetag", "_VALUE")), not is_set("excludeattribute"),
                   is_set("ignorenamespace"), is_set("ignoresurroundingspaces"),
                   None if null is None else str(null), None if encoding is None else str(encoding))

    def local_name(self, name: str) -> str:
        """The name of an element or attribute, without its namespace prefix if that is ignored."""
        return name.rpartition(":")[2] if self.ignore_namespace else name
