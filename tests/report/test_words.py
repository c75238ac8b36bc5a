from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest

from laketrain.report import words


@pytest.mark.parametrize(("said", "is_"), [
    (words.count(3411), "3,411"), (words.count(None), "–"), (words.count("7"), "–"), (words.count(True), "–"),
    (words.rows(1), "1 row"), (words.rows(0), "0 rows"),
    (words.share(0.9785), "97.9 %"), (words.share(1), "100 %"), (words.share(0), "0 %"), (words.share(math.nan), "–"),
    (words.share(0.99999), "99.99 %"), (words.share(0.0001), "< 0.1 %"),
    (words.metric(0.12345), "0.1235"), (words.metric(math.inf), "–"), (words.metric(0), "0.0000"),
    (words.metric(3e-5), "3e-05"), (words.metric(-0.00012345), "-0.000123"), (words.metric(0.001), "0.0010"),
    (words.duration(0.04), "0.0 s"), (words.duration(9.96), "10 s"), (words.duration(59.7), "1 min 0 s"),
    (words.duration(102), "1 min 42 s"), (words.duration(7322), "2 h 2 min"),
    (words.size(0), "0 B"), (words.size(9_400_000), "9.4 MB"), (words.size(2.5e12), "2.5 TB"),
    (words.bound(">=0.95"), "≥ 0.95"), (words.bound("<= 2"), "≤ 2"), (words.bound("> 1"), "> 1"),
    (words.shortened("a  b\nc", 9), "a b c"), (words.shortened("abcdefgh", 5), "abcd…"),
    (words.shortened(None, 9), "None"),
    (words.shortened("a\x1b[31m\u202eb\ud83d é😀", 99), "a\\x1b[31m\\u202eb\\ud83d é😀"),
])
def test_numbers_are_said_as_people_say_them(said: str, is_: str) -> None:
    assert said == is_


def test_times_are_told_in_utc() -> None:
    when = datetime(2026, 3, 9, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert words.moment(when) == "8 March 2026, 23:30 UTC"
    assert words.stamp(when) == "2026-03-08 23:30:00"
