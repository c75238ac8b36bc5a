"""The options of an XML source. laketrain reads XML itself and supports only some of Spark's options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laketrain.errors import nearest

_SUPPORTED = ("rowTag", "attributePrefix", "valueTag", "excludeAttribute", "ignoreNamespace", "ignoreSurroundingSpaces",
          "nullValue", "encoding", "charset", "inferSchema", "mode", "dateFormat", "timestampFormat",
          "timestampNTZFormat", "nanValue", "positiveInf", "negativeInf", "locale", "timeZone", "samplingRatio",
          "multiLine")


def check_xml(options: Mapping[str, Any]) -> None:
    """Raises ValueError for options with which XML can't be read."""
    by_lower = {name.lower(): value for name, value in options.items()}
    tag = str(by_lower.get("rowtag", ""))
    if not tag:
        raise ValueError("the option 'rowTag' is missing, the element of a record",
                         "Name the element, e.g. options: {rowTag: book}")
    if any(mark.isspace() or mark in "<>/&" for mark in tag):
        raise ValueError(f"received rowTag {tag!r}, expected an element's name alone", "Write it without brackets")
    for name in options:
        if name.lower() not in map(str.lower, _SUPPORTED):
            raise ValueError(f"received the option {name!r}, which isn't supported for XML", nearest(name, _SUPPORTED))
    if str(by_lower.get("inferschema", False)).lower() == "true":
        raise ValueError("received inferSchema: true, but XML has no types, and 007 isn't 7",
                         "Remove it: declare the columns' types, or use schema: infer, and cast by rules")
