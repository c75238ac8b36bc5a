"""Days as they are asked for on the command line: one, a range with both ends, or several of these.

    days("2026-11-01..2026-11-03, 2026-12-01")  ->  ("2026-11-01", "2026-11-02", "2026-11-03", "2026-12-01")
"""

from __future__ import annotations

from datetime import date, timedelta

from laketrain.errors import ConfigError, Problem

OPTION = "--dates"


def days(asked: str) -> tuple[str, ...]:
    """Each day once, in the order asked, as YYYY-MM-DD.

    Raises:
        ConfigError: a part is no day of the calendar, or a range ends before it begins.
    """
    found: dict[str, None] = {}
    for part in asked.split(","):
        first, dots, last = part.strip().partition("..")
        begin = _day(first)
        end = _day(last) if dots else begin
        if end < begin:
            raise _refused(f"{part.strip()!r} ends before it begins", "Swap its ends")
        found.update(dict.fromkeys(str(begin + timedelta(days=after)) for after in range((end - begin).days + 1)))
    return tuple(found)


def _day(text: str) -> date:
    try:
        parsed = date.fromisoformat(text.strip())
    except ValueError:
        parsed = None
    if parsed is None or str(parsed) != text.strip():
        raise _refused(f"received {text.strip()!r}, expected a day", "Write 2026-11-01, or 2026-11-01..2026-11-20")
    return parsed


def _refused(problem: str, hint: str) -> ConfigError:
    return ConfigError("command line", [Problem(OPTION, problem, hint)])
