"""Patterns of the rule `regex` are only refused if no dialect reads them; the rest is left to Java."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from laketrain.config.clean import Regex


def regex(pattern: str) -> Regex:
    return Regex.model_validate({"rule": "regex", "column": "plate", "pattern": pattern})


@pytest.mark.parametrize("pattern", [
    r"(?U)\w+", r"a(?i)b", r"(?<=a|bb)c", r"(?<y>\d{4})-\k<y>", r"\x{41}", r"\p{script=Han}", r"\e", r"\cA", r"\c(",
    r"[]a]+", r"[^]a]+", r"[a-z&&[^aeiou]]", r"[(*]", r"\[\(", r"[\]]", r"\Q([*\E", r"a++b*+c?+", r"a]", r"a||b",
    r"(?:a|)b", r"^*a", r"(?x) a # a ( in a comment", r"{", "\\Q\\\\E",
])
def test_a_pattern_that_java_may_read_is_accepted(pattern: str) -> None:
    assert regex(pattern).pattern == pattern


@pytest.mark.parametrize(("pattern", "message"), [
    ("(a|b", "a ( is not closed"), (r"(a\)", "a ( is not closed"), ("a)", "a ) closes nothing"),
    (")(", "a ) closes nothing"), ("[a", "a [ is not closed"), ("[]", "a [ is not closed"),
    (r"[a\]", "a [ is not closed"),
    ("[a[b]", "a [ is not closed"), ("*.csv", "nothing before '*'"), ("a|+", "nothing before '+'"),
    ("(?)(*a)", "nothing before '*'"), ("a\\", "a single backslash"), ("(?i", "a ( is not closed"),
])
def test_a_pattern_that_no_dialect_reads_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        regex(pattern)
    problem, hint = caught.value.errors()[0]["ctx"]["error"].args
    assert problem.startswith(f"received {pattern!r}, which isn't a regular expression: ") and message in problem
    assert "needs a backslash before it" in hint
