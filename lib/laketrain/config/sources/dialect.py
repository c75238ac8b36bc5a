"""How a CSV file is written: as RFC 4180 says, unless a source's options say otherwise, in the words of Spark's reader.

    dialect = Dialect.of({"header": True, "sep": ";"})
    dialect.quote, dialect.escape         # '"', '"': a quote within quotes is written twice
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laketrain.errors import nearest

_ESCAPED = {"t": "\t", "r": "\r", "n": "\n", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "0": "\0"}
_NONE = "\0"
"""How Spark writes a character that there is none of."""


@dataclass(frozen=True)
class Dialect:
    r"""A way of writing CSV. An empty `quote`, `escape` or `comment` is none; an empty `line_end` is any of `\n`,
    `\r\n` and `\r`. `skip_leading`: blanks before a value, or before its quote, don't count; `skip_trailing`: those
    after one."""

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
        """From the options of a source. Raises ValueError with what was received and expected, and what helps."""
        given = {name.lower(): value for name, value in options.items()}
        quote = _character("quote", given.get("quote", '"'))
        escape = _character("escape", given.get("escape", quote))
        beside = given.get("chartoescapequoteescaping")
        if beside is not None and beside != escape:
            raise ValueError(f"received charToEscapeQuoteEscaping: {beside!r}, expected none, or that of escape",
                             "Remove it")
        if "unescapedquotehandling" in given:
            raise ValueError(f"received unescapedQuoteHandling: {given['unescapedquotehandling']}, but a record in "
                             "which text follows a closing quote is never read", "Remove it")
        line_end = str(given.get("linesep", ""))
        if len(line_end) > 2:
            raise ValueError(f"received lineSep: {line_end!r}, expected one or two characters")
        return cls(
            header=_truth("header", given.get("header", False)),
            encoding=str(given.get("encoding", given.get("charset", "utf-8"))),
            separator=_separator(str(given.get("sep", given.get("delimiter", ",")))),
            quote=quote, escape=escape, comment=_character("comment", given.get("comment", "")), line_end=line_end,
            skip_leading=_truth("ignoreLeadingWhiteSpace", given.get("ignoreleadingwhitespace", False)),
            skip_trailing=_truth("ignoreTrailingWhiteSpace", given.get("ignoretrailingwhitespace", False)))


def _character(name: str, value: Any) -> str:
    text = str(value)
    if len(text) > 1:
        raise ValueError(f"received {name}: {text!r}, expected one character, or none")
    return text.replace(_NONE, "")


def _separator(text: str) -> str:
    r"""Spark takes `\t` and its like as what they stand for."""
    found = re.sub(r"\\(u0000|.)", lambda match: _ESCAPED.get(match[1][0], match[1]) if match[1] != "u0000" else _NONE,
                   text, flags=re.DOTALL) if text != "\\" else ""
    if not found or _NONE in found:
        raise ValueError(f"received sep: {text!r}, expected one character or more", r'A backslash is "\\\\"')
    return found


def _truth(name: str, value: Any) -> bool:
    text = str(value).lower()
    if text not in ("true", "false"):
        raise ValueError(f"received {name}: {value!r}, expected true or false", nearest(text, ("true", "false")))
    return text == "true"
