"""What a source of XML may say: laketrain reads it itself, by some of Spark's options, so it must know them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laketrain.errors import nearest

_TAKEN = ("rowTag", "attributePrefix", "valueTag", "excludeAttribute", "ignoreNamespace", "ignoreSurroundingSpaces",
          "nullValue", "encoding", "charset", "inferSchema", "mode", "dateFormat", "timestampFormat",
          "timestampNTZFormat", "nanValue", "positiveInf", "negativeInf", "locale", "timeZone", "samplingRatio",
          "multiLine")


def check_xml(options: Mapping[str, Any]) -> None:
    """Raises ValueError for options by which XML can't be read."""
    given = {name.lower(): value for name, value in options.items()}
    tag = str(given.get("rowtag", ""))
    if not tag:
        raise ValueError("the option 'rowTag' is missing, which says what a record of XML is",
                         "Name the element that is one, e.g. options: {rowTag: book}")
    if any(mark.isspace() or mark in "<>/&" for mark in tag):
        raise ValueError(f"received rowTag {tag!r}, expected an element's name alone", "Write it without brackets")
    for name in options:
        if name.lower() not in map(str.lower, _TAKEN):
            raise ValueError(f"received the option {name!r}, which isn't taken for XML", nearest(name, _TAKEN))
    if str(given.get("inferschema", False)).lower() == "true":
        raise ValueError("received inferSchema: true, but XML carries no types, and 007 is no 7",
                         "Remove it: declare the columns' types, or let schema: infer take texts, for rules to cast")
