"""The dialect of a CSV file: RFC 4180, unless the options of the source change it. They have the names of Spark's
reader.

    dialect = Dialect.of({"header": True, "sep": ";"})
    dialect.quote, dialect.escape         # '"', '"': a quote within quotes is doubled
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laketrain.errors import nearest

_ESCAPED = {"t": "\t", "r": "\r", "n": "\n", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "0": "\0"}
_NONE = "\0"
"""How Spark denotes the absence of a character."""


@dataclass(frozen=True)
class Dialect:
    r"""A CSV dialect. An empty `quote`, `escape` or `comment` means none; an empty `line_end` means any of `\n`,
    `\r\n` and `\r`. `skip_leading` ignores white space before a value or its quote, `skip_trailing` after it."""

    header: bool = False
    encoding: str = "utf-8"
    separator: str = ","
    quote: str = '"'
    escape: str = '"'
    comment: str = ""
    line_end: str = ""
    skip_leading: bool = False
    skip_trailing: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Dialect:
        """The dialect of a source's options. Raises ValueError with what was received and expected, and a hint."""
        by_lower = {name.lower(): value for name, value in options.items()}
        quote = _character("quote", by_lower.get("quote", '"'))
        escape = _character("escape", by_lower.get("escape", quote))
        other_escape = by_lower.get("chartoescapequoteescaping")
        if other_escape is not None and other_escape != escape:
            raise ValueError(f"received charToEscapeQuoteEscaping: {other_escape!r}, expected none, or that of escape",
                             "Remove it")
        if "unescapedquotehandling" in by_lower:
            raise ValueError(f"received unescapedQuoteHandling: {by_lower['unescapedquotehandling']}, but a record in "
                             "which text follows a closing quote is never read", "Remove it")
        line_end = str(by_lower.get("linesep", ""))
        if len(line_end) > 2:
            raise ValueError(f"received lineSep: {line_end!r}, expected one or two characters")
        return cls(
            header=_boolean("header", by_lower.get("header", False)),
            encoding=str(by_lower.get("encoding", by_lower.get("charset", "utf-8"))),
            separator=_separator(str(by_lower.get("sep", by_lower.get("delimiter", ",")))),
            quote=quote, escape=escape, comment=_character("comment", by_lower.get("comment", "")), line_end=line_end,
            skip_leading=_boolean("ignoreLeadingWhiteSpace", by_lower.get("ignoreleadingwhitespace", False)),
            skip_trailing=_boolean("ignoreTrailingWhiteSpace", by_lower.get("ignoretrailingwhitespace", False)))


def _character(name: str, value: Any) -> str:
    text = str(value)
    if len(text) > 1:
        raise ValueError(f"received {name}: {text!r}, expected one character, or none")
    return text.replace(_NONE, "")


def _separator(text: str) -> str:
    r"""Replaces escapes such as `\t` by their characters, as Spark does."""
    def character(escape: re.Match[str]) -> str:
        return _NONE if escape[1] == "u0000" else _ESCAPED.get(escape[1][0], escape[1])

    separator = "" if text == "\\" else re.sub(r"\\(u0000|.)", character, text, flags=re.DOTALL)
    if not separator or _NONE in separator:
        raise ValueError(f"received sep: {text!r}, expected one character or more", r'A backslash is "\\\\"')
    return separator


def _boolean(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError(f"received {name}: {value!r}, expected true or false", nearest(text, ("true", "false")))
    return text == "true"
