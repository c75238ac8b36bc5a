"""Durations as text: `90 s`, `5 minutes`, `1.5 hours`, `2 days`.

    class Windows(Section): max_gap: Duration       # a timedelta
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from laketrain.errors import nearest

UNITS = {"ms": 0.001, "millisecond": 0.001, "s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
         "d": 86_400, "day": 86_400, "week": 604_800}
"""Seconds by the unit's name."""
_LONGEST = timedelta(days=1_000_000)
"""More would overflow Spark's microseconds."""
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    match = _FORM.fullmatch(value)
    if not match:
        raise ValueError(f"received {value!r}, expected a number and a unit, e.g. '90 s', '5 minutes' or '1 hour'")
    name = match[2].lower()
    unit = UNITS.get(name, UNITS.get(name.removesuffix("s")))
    if unit is None:
        raise ValueError(f"received the unit {match[2]!r} in {value!r}", nearest(name, UNITS))
    seconds = float(match[1]) * unit
    if seconds > _LONGEST.total_seconds():
        raise ValueError(f"received {value[:40]!r}, expected at most {_LONGEST.days:,} days")
    return timedelta(seconds=seconds)


Duration = Annotated[timedelta, BeforeValidator(_parsed),
                     PlainSerializer(lambda span: f"{span.total_seconds():.6f} s", return_type=str)]
"""A duration; serialised as seconds."""
