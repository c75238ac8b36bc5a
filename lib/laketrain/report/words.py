"""Numbers, times and sizes as people read them; what is no number becomes a dash, since a lake may hold anything.

    count(3411), share(0.978), duration(102), size(9_400_000)   ->   '3,411', '97.8 %', '1 min 42 s', '9.4 MB'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any, TypeGuard

NOTHING = "–"
_SIZES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def is_number(value: Any) -> TypeGuard[float]:
    """Whether it is a finite number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def count(value: Any) -> str:
    """A whole number with its thousands parted."""
    return f"{value:,.0f}" if is_number(value) else NOTHING


def rows(value: Any) -> str:
    """How many rows."""
    return many(value, "row")


def many(value: Any, thing: str) -> str:
    """How many of a thing whose plural ends in s."""
    return f"{count(value)} {thing}{'' if value == 1 else 's'}"


def weight(value: Any) -> str:
    """A sum of weights, to four figures, a large one to whole numbers."""
    if not is_number(value):
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def measured_on(counts: Mapping[str, Any], of: str = "") -> str:
    """The rows (`of` a split) that an evaluation's figures are of; where rows have weights, what these add up to."""
    whole = f"{rows(counts.get('rows'))}{f' of {of}' if of else ''}"
    if "weight" not in counts:
        return whole
    masked, weighs = counts.get("masked") or 0, f"of weight {weight(counts['weight'])}"
    if not masked or not is_number(counts.get("rows")):
        return f"{whole}, {weighs}"
    return f"{count(counts['rows'] - masked)} of {whole}, {weighs} (the others have weight 0 and count in nothing)"


def share(value: Any) -> str:
    """A fraction as a percentage: three figures, and never rounded to a 0 or a 100 that it isn't."""
    if not is_number(value):
        return NOTHING
    percent = 100 * value
    if 0 < percent < 0.05:
        return "< 0.1 %"
    if 99.95 <= percent < 100:
        return f"{math.floor(percent * 100) / 100:.2f} %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:.1f} %"


def metric(value: Any) -> str:
    """A loss, a score or a rate, to four places; a smaller one to three figures, and never a 0 that it isn't."""
    if not is_number(value):
        return NOTHING
    return f"{value:.3g}" if 0 < abs(value) < 0.001 else f"{value:.4f}"


def bound(text: str) -> str:
    """A bound such as `>= 0.95`, as one writes it."""
    return text.replace(">=", "≥ ").replace("<=", "≤ ").replace("  ", " ")


def duration(seconds: Any) -> str:
    """Seconds in the units in which one would say them."""
    if not is_number(seconds):
        return NOTHING
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def size(value: Any) -> str:
    """Bytes, in powers of ten."""
    if not is_number(value):
        return NOTHING
    for unit, name in _SIZES:
        if value >= unit:
            return f"{value / unit:.1f} {name}"
    return f"{value:.0f} B"


def moment(when: datetime) -> str:
    """A time, in UTC."""
    there = when.astimezone(timezone.utc)
    return f"{there.day} {there:%B %Y, %H:%M} UTC"


def stamp(when: datetime) -> str:
    """A time for tables, in UTC."""
    return f"{when.astimezone(timezone.utc):%Y-%m-%d %H:%M:%S}"


def shortened(text: Any, most: int) -> str:
    """The beginning of a text, one line of it."""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
