"""How XML becomes rows, by a source's options: which element is a record, and what attributes and texts are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Form:
    """Spark's options of these names, by their meanings.

    Attributes:
        tag: the element that is a record. prefix: what stands before an attribute's name. value: the name of an
            element's own text beside attributes and elements. attributes: whether those are taken. local: whether the
            part of a name before its colon is left out. strip: whether blanks around texts are. null: the text that
            is null. encoding: the files', whatever they say themselves.
    """

    tag: str
    prefix: str = "_"
    value: str = "_VALUE"
    attributes: bool = True
    local: bool = False
    strip: bool = False
    null: str | None = None
    encoding: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Form:
        given = {name.lower(): value for name, value in options.items()}

        def switched(name: str) -> bool:
            return str(given.get(name, False)).lower() == "true"

        null, encoding = given.get("nullvalue"), given.get("encoding", given.get("charset"))
        return cls(str(given["rowtag"]), str(given.get("attributeprefix", "_")), str(given.get("valuetag", "_VALUE")),
                   not switched("excludeattribute"), switched("ignorenamespace"), switched("ignoresurroundingspaces"),
                   None if null is None else str(null), None if encoding is None else str(encoding))

    def named(self, name: str) -> str:
        """An element's or attribute's name."""
        return name.rpartition(":")[2] if self.local else name
