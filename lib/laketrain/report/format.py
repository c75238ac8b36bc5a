"""Formats numbers, times and sizes for people. Anything that isn't a number becomes a dash, since a lake may contain
anything.

    count(3411), percent(0.978), duration(102), size(9_400_000)   ->   '3,411', '97.8 %', '1 min 42 s', '9.4 MB'
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, TypeGuard

DASH = "–"
_HIDDEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")
"""Control characters, those that change the direction of text, and lone surrogates, which UTF-8 can't encode."""
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def is_number(value: Any) -> TypeGuard[float]:
    """Whether `value` is a finite number; booleans aren't."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def count(value: Any) -> str:
    """A whole number with separators of thousands."""
    return f"{value:,.0f}" if is_number(value) else DASH


def rows(value: Any) -> str:
    """A number of rows: `1 row`, `3,411 rows`."""
    return plural(value, "row")


def plural(value: Any, noun: str) -> str:
    """A number with its noun, whose plural ends in s."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def weight(value: Any) -> str:
    """A sum of weights to four significant figures; a large sum to whole numbers."""
    if not is_number(value):
        return DASH
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def measured_on(counts: Mapping[str, Any], of: str = "") -> str:
    """The rows (`of` a split) that an evaluation measured and, where rows have weights, the sum of the weights."""
    all_rows = f"{rows(counts.get('rows'))}{f' of {of}' if of else ''}"
    if "weight" not in counts:
        return all_rows
    masked, weight_text = counts.get("masked") or 0, f"of weight {weight(counts['weight'])}"
    if not masked or not is_number(counts.get("rows")):
        return f"{all_rows}, {weight_text}"
    counted = count(counts["rows"] - masked)
    return f"{counted} of {all_rows}, {weight_text} (the others have weight 0 and count in nothing)"


def percent(value: Any) -> str:
    """A fraction as a percentage of three figures; only exactly 0 and 1 become 0 % and 100 %."""
    if not is_number(value):
        return DASH
    scaled = 100 * value
    if 0 < scaled < 0.05:
        return "< 0.1 %"
    if 99.95 <= scaled < 100:
        return f"{math.floor(scaled * 100) / 100:.2f} %"
    return f"{scaled:.0f} %" if scaled in (0, 100) else f"{scaled:.1f} %"


def metric(value: Any) -> str:
    """A loss, a metric or a rate to four decimal places; below 0.001 to three significant figures."""
    if not is_number(value):
        return DASH
    return f"{value:.3g}" if 0 < abs(value) < 0.001 else f"{value:.4f}"


def bound(text: str) -> str:
    """A bound such as `>= 0.95`, with ≥ or ≤."""
    return text.replace(">=", "≥ ").replace("<=", "≤ ").replace("  ", " ")


def duration(seconds: Any) -> str:
    """Seconds in hours, minutes and seconds."""
    if not is_number(seconds):
        return DASH
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(value: Any) -> str:
    """Bytes in decimal units: kB, MB, GB, TB."""
    if not is_number(value):
        return DASH
    for unit, name in _SIZES:
        if value >= unit:
            return f"{value / unit:.1f} {name}"
    return f"{value:.0f} B"


def utc_time(when: datetime) -> str:
    """A time in UTC, for sentences: `3 March 2026, 14:05 UTC`."""
    utc = when.astimezone(timezone.utc)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def timestamp(when: datetime) -> str:
    """A time in UTC, for tables: `2026-03-03 14:05:00`."""
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"


def shortened(text: Any, most: int) -> str:
    """The text on one line, at most `most` characters. Invisible characters, and those that change the direction of
    text, are escaped."""
    line = _HIDDEN.sub(lambda match: repr(match[0])[1:-1], " ".join(str(text).split()))
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
