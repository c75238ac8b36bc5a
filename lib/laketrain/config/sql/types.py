"""Types of Spark SQL in a config: `int`, `decimal(10, 2)`, `array<struct<x: double>>`.

    class Cast(Section): to: SparkType
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from laketrain.errors import nearest

SIMPLE = ("string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "date", "timestamp",
          "timestamp_ntz", "binary", "interval day to second", "interval year to month")
_ALIASES = ("byte", "short", "integer", "long", "real", "dec", "numeric", "decimal", "timestamp_ltz")
_SIZED = dict.fromkeys(("decimal", "dec", "numeric"), r"\d+(, *\d+)?")
_LENGTHS = re.compile(r"(var)?char(\(.*\))?", re.IGNORECASE)


def _check(text: str) -> str:
    for wrong in _invalid_parts(text.strip()):
        accepted = nearest(wrong.lower(), SIMPLE).replace("Accepted: ", "Accepted: array<…>, map<…>, struct<…>, ")
        part = "" if wrong == text.strip() else f" in {text!r}"
        if _LENGTHS.fullmatch(wrong):
            raise ValueError(f"received {wrong!r}{part}, a length that Spark enforces in its own tables only",
                             "Write string, and use the rule length of clean to reject longer texts")
        raise ValueError(f"received {wrong!r}{part}, expected a type of Spark SQL", accepted)
    return text


SparkType = Annotated[str, AfterValidator(_check)]
"""A type of Spark SQL, checked before Spark starts."""


def _invalid_parts(text: str) -> Iterator[str]:
    """The parts of `text` that aren't types."""
    name, _, inner = text.partition("<")
    nested = name.strip().lower()
    if inner.endswith(">") and nested in ("array", "map", "struct"):
        parts = list(_parts(inner[:-1]))
        if nested == "struct":
            parts = [part.partition(":")[2] for part in parts]
        if len(parts) != {"array": 1, "map": 2}.get(nested, len(parts)):
            yield text
        for part in parts:
            yield from _invalid_parts(part.strip())
        return
    name, _, size = text.partition("(")
    sized = _SIZED.get(name.strip().lower())
    if sized and size.endswith(")") and re.fullmatch(sized, size[:-1].strip()):
        return
    if " ".join(text.lower().split()) not in (*SIMPLE, *_ALIASES):
        yield text


def _parts(text: str) -> Iterator[str]:
    """Splits `text` at the commas outside brackets."""
    depth, start = 0, 0
    for index, character in enumerate(text):
        depth += (character in "<(") - (character in ">)")
        if character == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]
