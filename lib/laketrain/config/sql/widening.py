"""Which of Spark SQL's types hold another's values without losing any.

    widened("int", "bigint")     # 'bigint'
    widened("string", "int")     # None: neither holds the other's values as they are
"""

from __future__ import annotations

import re

_ALIASES = {"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint", "real": "float",
            "dec": "decimal", "numeric": "decimal", "timestamp_ltz": "timestamp"}
_WHOLE = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
"""Whole numbers, each with its digits."""
_EXACT_AS = {"float": ("tinyint", "smallint"), "double": ("tinyint", "smallint", "int", "float")}
_MOST_DIGITS = 38


def plain(kind: str) -> str:
    """A type in one spelling: `Decimal( 10,2 )` is `decimal(10,2)`, `integer` is `int`, `varchar(20)` is `string`."""
    text = re.sub(r"\s+", "", kind.strip().lower())
    text = re.sub(r"\binterval(day|year)to(second|month)(?![\w:])", r"interval \1 to \2", text)
    text = re.sub(r"\b(varchar|char)\(\d+\)", "string", text)
    # A field may be called as a type is; only what stands where a type does is one.
    text = re.sub(r"(^|[<,:])(\w+)(?![\w:])", lambda found: found[1] + _ALIASES.get(found[2], found[2]), text)
    text = re.sub(r"\bdecimal(?![\w(:])", "decimal(10,0)", text)
    return re.sub(r"\bdecimal\((\d+)\)", r"decimal(\1,0)", text)


def widened(one: str, other: str) -> str | None:
    """The narrower of the types that hold the values of both exactly; None where there is none."""
    first, second = plain(one), plain(other)
    if first == second:
        return first
    if first in _WHOLE and second in _WHOLE:
        return max(first, second, key=_WHOLE.__getitem__)
    for floating in ("float", "double"):
        if all(kind == floating or kind in _EXACT_AS[floating] for kind in (first, second)):
            # Two whole numbers never come here; a float beside an int needs a double.
            return floating
    digits = [_digits(kind) for kind in (first, second)]
    if None in digits:
        return None
    before = max(found[0] for found in digits if found)
    after = max(found[1] for found in digits if found)
    return f"decimal({before + after},{after})" if before + after <= _MOST_DIGITS else None


def is_time(kind: str) -> bool:
    """Whether a type is a date or a timestamp."""
    return plain(kind) in ("date", "timestamp", "timestamp_ntz")


def known_by_hint(time: str, known: str) -> str:
    """What helps where the type of a `known_by` can't be held against the type of rows' times."""
    if is_time(time) == is_time(known):
        return "Cast them to one type in clean: a date as a timestamp is its first instant"
    return ("Name the column with the time at which a row became known. If this is one, cast it in clean, e.g. from "
            "seconds since 1970 to timestamp")


def _digits(kind: str) -> tuple[int, int] | None:
    """Digits before and after the point of a decimal or whole number."""
    if kind in _WHOLE:
        return _WHOLE[kind], 0
    found = re.fullmatch(r"decimal\((\d+),(\d+)\)", kind)
    return (int(found[1]) - int(found[2]), int(found[2])) if found else None
