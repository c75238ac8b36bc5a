"""The common type of two Spark SQL types that represents all values of both exactly.

    widened("int", "bigint")     # 'bigint'
    widened("string", "int")     # None: they have no common type
"""

from __future__ import annotations

import re

_ALIASES = {"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint", "real": "float",
            "dec": "decimal", "numeric": "decimal", "timestamp_ltz": "timestamp"}
_WHOLE = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19}
"""Integer types, each with its maximum of decimal digits."""
_EXACT_AS = {"float": ("tinyint", "smallint"), "double": ("tinyint", "smallint", "int", "float")}
_MOST_DIGITS = 38


def plain(kind: str) -> str:
    """A type in its canonical spelling: `Decimal( 10,2 )` is `decimal(10,2)`, `integer` is `int`, `varchar(20)` is
    `string`."""
    text = re.sub(r"\s+", "", kind.strip().lower())
    text = re.sub(r"\binterval(day|year)to(second|month)(?![\w:])", r"interval \1 to \2", text)
    text = re.sub(r"\b(varchar|char)\(\d+\)", "string", text)
    # A field may have the name of a type: only names at the position of a type are replaced.
    text = re.sub(r"(^|[<,:])(\w+)(?![\w:])", lambda match: match[1] + _ALIASES.get(match[2], match[2]), text)
    text = re.sub(r"\bdecimal(?![\w(:])", "decimal(10,0)", text)
    return re.sub(r"\bdecimal\((\d+)\)", r"decimal(\1,0)", text)


def widened(left: str, right: str) -> str | None:
    """The narrowest type that represents all values of both types exactly; None if there is none."""
    first, second = plain(left), plain(right)
    if first == second:
        return first
    if first in _WHOLE and second in _WHOLE:
        return max(first, second, key=_WHOLE.__getitem__)
    for floating in ("float", "double"):
        if all(kind == floating or kind in _EXACT_AS[floating] for kind in (first, second)):
            # Two integers return above; a float and an int need a double.
            return floating
    digits = [_digits(kind) for kind in (first, second)]
    if None in digits:
        return None
    before = max(pair[0] for pair in digits if pair)
    after = max(pair[1] for pair in digits if pair)
    return f"decimal({before + after},{after})" if before + after <= _MOST_DIGITS else None


def is_time(kind: str) -> bool:
    """Whether a type is a date or a timestamp."""
    return plain(kind) in ("date", "timestamp", "timestamp_ntz")


def availability_hint(time: str, available: str) -> str:
    """The hint if `available`, the type of `known_by`, can't be compared with `time`, the type of rows' times."""
    if is_time(time) == is_time(available):
        return "Cast them to one type in clean; a date cast to a timestamp is the start of the day"
    return ("Name the column with the time at which a row became known. If this is the column, cast it in clean, e.g. "
            "from seconds since 1970 to timestamp")


def _digits(kind: str) -> tuple[int, int] | None:
    """Digits before and after the decimal point of a decimal or integer type."""
    if kind in _WHOLE:
        return _WHOLE[kind], 0
    match = re.fullmatch(r"decimal\((\d+),(\d+)\)", kind)
    return (int(match[1]) - int(match[2]), int(match[2])) if match else None
