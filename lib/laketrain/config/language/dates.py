"""Dates on the command line: a day, a range that includes both ends, or several of these.

    days("2026-11-01..2026-11-03, 2026-12-01")  ->  ("2026-11-01", "2026-11-02", "2026-11-03", "2026-12-01")
"""

from __future__ import annotations

from datetime import date, timedelta

from laketrain.errors import ConfigError, Problem

OPTION = "--dates"


def days(option: str) -> tuple[str, ...]:
    """The days as YYYY-MM-DD, each once, in the given order.

    Raises:
        ConfigError: a part isn't a day of the calendar, or a range ends before it starts.
    """
    result: dict[str, None] = {}
    for part in option.split(","):
        first, dots, last = part.strip().partition("..")
        start = _day(first)
        end = _day(last) if dots else start
        if end < start:
            raise _error(f"{part.strip()!r} ends before it starts", "Swap the two days")
        result.update(dict.fromkeys(str(start + timedelta(days=index)) for index in range((end - start).days + 1)))
    return tuple(result)


def _day(text: str) -> date:
    try:
        parsed = date.fromisoformat(text.strip())
    except ValueError:
        parsed = None
    if parsed is None or str(parsed) != text.strip():
        raise _error(f"received {text.strip()!r}, expected a day", "Write 2026-11-01, or 2026-11-01..2026-11-20")
    return parsed


def _error(problem: str, hint: str) -> ConfigError:
    return ConfigError("command line", [Problem(OPTION, problem, hint)])
