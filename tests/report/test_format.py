from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest

from laketrain.report import format as fmt


@pytest.mark.parametrize(("text", "expected"), [
    (fmt.count(3411), "3,411"), (fmt.count(None), "–"), (fmt.count("7"), "–"), (fmt.count(True), "–"),
    (fmt.rows(1), "1 row"), (fmt.rows(0), "0 rows"),
    (fmt.percent(0.9785), "97.9 %"), (fmt.percent(1), "100 %"), (fmt.percent(0), "0 %"), (fmt.percent(math.nan), "–"),
    (fmt.percent(0.99999), "99.99 %"), (fmt.percent(0.0001), "< 0.1 %"),
    (fmt.metric(0.12345), "0.1235"), (fmt.metric(math.inf), "–"), (fmt.metric(0), "0.0000"),
    (fmt.metric(3e-5), "3e-05"), (fmt.metric(-0.00012345), "-0.000123"), (fmt.metric(0.001), "0.0010"),
    (fmt.duration(0.04), "0.0 s"), (fmt.duration(9.96), "10 s"), (fmt.duration(59.7), "1 min 0 s"),
    (fmt.duration(102), "1 min 42 s"), (fmt.duration(7322), "2 h 2 min"),
    (fmt.size(0), "0 B"), (fmt.size(9_400_000), "9.4 MB"), (fmt.size(2.5e12), "2.5 TB"),
    (fmt.bound(">=0.95"), "≥ 0.95"), (fmt.bound("<= 2"), "≤ 2"), (fmt.bound("> 1"), "> 1"),
    (fmt.shortened("a  b\nc", 9), "a b c"), (fmt.shortened("abcdefgh", 5), "abcd…"),
    (fmt.shortened(None, 9), "None"),
    (fmt.shortened("a\x1b[31m\u202eb\ud83d é😀", 99), "a\\x1b[31m\\u202eb\\ud83d é😀"),
])
def test_numbers_are_formatted_for_people(text: str, expected: str) -> None:
    assert text == expected


def test_times_are_in_utc() -> None:
    when = datetime(2026, 3, 9, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert fmt.utc_time(when) == "8 March 2026, 23:30 UTC"
    assert fmt.timestamp(when) == "2026-03-08 23:30:00"
