"""Splits a JSON text into the texts of its values.

    for piece in ValueSplitter().split('{"id":1} {"id":2}'): piece.text, piece.problem

A file may contain one value, several with or without line breaks between them, or arrays, whose elements are the
pieces. Values aren't parsed here: a piece is the text between matching brackets, which Spark parses later. Together,
the pieces have every character that isn't blank, except the brackets and commas of such arrays.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

_BLANKS = " \t\r\n"
_PAIRS = {"}": "{", "]": "["}


@dataclass(frozen=True)
class Piece:
    """The text of a value, or other text with the `problem` that it has."""

    text: str
    problem: str | None = None


class _BrokenValue(Exception):
    """A value has no proper end; `position` is where this was noticed."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position, self.reason = position, reason


class ValueSplitter:
    """Finds the ends of values, by Spark's options of similar names.

    Args:
        single_quotes: strings may have single quotes. comments: Java's comments are allowed. line_breaks: strings may
            contain line breaks.
    """

    def __init__(self, single_quotes: bool = True, comments: bool = False, line_breaks: bool = False) -> None:
        end = "" if line_breaks else "\\n"
        quotes = '"' + "'" * single_quotes
        strings = [rf'{quote}[^{quote}\\{end}]*(?:\\.[^{quote}\\{end}]*)*{quote}' for quote in quotes]
        remarks = [r"//[^\n]*", r"/\*[\s\S]*?\*/"] if comments else []
        special = r"\[\]{}" + quotes + "/" * comments
        skipped = "|".join((*strings, *remarks))
        flags = re.DOTALL if line_breaks else re.NOFLAG
        self._nested = re.compile(rf"[^{special}]*(?:(?:{skipped})[^{special}]*)*", flags)
        self._flat = re.compile(rf"[^{special},]*(?:(?:{skipped})[^{special},]*)*", flags)
        self._between = re.compile(rf"(?:[{_BLANKS}]+{''.join('|' + remark for remark in remarks)})*")
        self._junk = re.compile(rf"(?:{'|'.join(strings)}|[^{{\[\n])+")

    def split(self, text: str) -> Iterator[Piece]:
        """Splits all of `text`."""
        lines, position = _LineNumbers(text), 0
        while (position := self._skip(text, position)) < len(text):
            if text[position] == "[":
                position = yield from self._split_elements(text, position, lines)
            elif text[position] == "{":
                position = yield from self._split_value(text, position, lines)
            else:
                junk = self._junk.match(text, position)
                end = junk.end() if junk else len(text)
                yield Piece(text[position:end].rstrip(_BLANKS), f"isn't a JSON object, on line {lines.at(position)}")
                position = end

    def _split_value(self, text: str, start: int, lines: _LineNumbers) -> Generator[Piece, None, int]:
        """Yields the value that begins with a bracket at `start`, and returns the position after it."""
        try:
            end = self._end(text, start)
            yield Piece(text[start:end])
        except _BrokenValue as broken:
            end = _resume_at(text, broken.position, _column(text, start), is_element=False)
            yield _broken_piece(text[start:end], broken, end == len(text), lines)
        return end

    def _split_elements(self, text: str, start: int, lines: _LineNumbers) -> Generator[Piece, None, int]:
        """Yields the elements of the array that begins at `start`, and returns the position after it."""
        position = self._skip(text, start + 1)
        if text[position:position + 1] == "]":
            return position + 1
        while True:
            try:
                end = self._element_end(text, position)
            except _BrokenValue as broken:
                end = _resume_at(text, broken.position, _column(text, position), is_element=True)
                yield _broken_piece(text[position:end].strip(_BLANKS) or "[", broken, end == len(text), lines)
                if text[end:end + 1] != ",":
                    return end
            else:
                element = text[position:end].strip(_BLANKS)
                problem = None if element else f"has no value before it, on line {lines.at(end)}"
                yield Piece(element or text[end], problem)
            if text[end] == "]":
                return end + 1
            position = self._skip(text, end + 1)

    def _element_end(self, text: str, start: int) -> int:
        """The position of the comma or bracket after an element of any kind."""
        position = start
        while True:
            position = self._flat.match(text, position).end()  # type: ignore[union-attr]  # it matches even ''
            character = text[position:position + 1]
            if character in (",", "]") and character:
                return position
            if character and character in "{[":
                position = self._end(text, position)
            elif character == "/":
                position += 1
            else:
                raise _BrokenValue(position, _reason(text, position))

    def _end(self, text: str, start: int) -> int:
        """The position after the value that begins with a bracket at `start`."""
        position, opened = start, []
        while True:
            position = self._nested.match(text, position).end()  # type: ignore[union-attr]
            character = text[position:position + 1]
            if character and character in "{[":
                opened.append(character)
            elif character in _PAIRS:
                if opened.pop() != _PAIRS[character]:
                    raise _BrokenValue(position, _MIXED)
                if not opened:
                    return position + 1
            elif character != "/":
                raise _BrokenValue(position, _reason(text, position))
            position += 1

    def _skip(self, text: str, position: int) -> int:
        return self._between.match(text, position).end()  # type: ignore[union-attr]


_ENDS, _MIXED = "the text ends before it is closed", "a bracket is closed by another"
_NEXT = re.compile(r"([}\]])([ \t\r]*,)?\s*\n([ \t]*)(?=[{\[])")


def _reason(text: str, position: int) -> str:
    """What is wrong at a position with neither a bracket nor a whole string."""
    if text[position:position + 1] in ("}", "]"):
        return _MIXED
    return "a string isn't closed" if text.find("\n", position) >= 0 else _ENDS


class _LineNumbers:
    """Line numbers of positions, for ascending positions."""

    def __init__(self, text: str) -> None:
        self._text, self._position, self._line = text, 0, 1

    def at(self, position: int) -> int:
        self._line += self._text.count("\n", self._position, position)
        self._position = max(position, self._position)
        return self._line


def _broken_piece(text: str, broken: _BrokenValue, to_the_end: bool, lines: _LineNumbers) -> Piece:
    rest = ", and no value can be found after it" if to_the_end and broken.reason != _ENDS else ""
    problem = f"isn't a complete JSON value: on line {lines.at(broken.position)} {broken.reason}{rest}"
    return Piece(text.strip(_BLANKS), problem)


def _column(text: str, position: int) -> int:
    """The indentation of a value; 0 if it follows another one on its line."""
    line_start = text.rfind("\n", 0, position) + 1
    return position - line_start if not text[line_start:position].strip(" \t[") else 0


def _resume_at(text: str, position: int, column: int, is_element: bool) -> int:
    """The assumed end of a broken value: between a line that ends as a value does and one that begins as a value does,
    not indented more than the broken one. The end of the text if there is none.

    Args:
        is_element: the value is an element of an array, so that a comma has to follow it.
    """
    for match in _NEXT.finditer(text, position):
        if len(match[3]) > column:
            continue
        if is_element and match[2]:
            return match.end(2) - 1
        if not match[2] and (not is_element or match[1] == "]"):
            return match.end(1)
    return len(text)
