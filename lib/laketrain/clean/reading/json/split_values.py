"""The values of a text of JSON, one after the other, as pieces of that text.

    for piece in Scan().pieces('{"id":1} {"id":2}'): piece.text, piece.problem

A file may hold one value, several with or without line breaks between them, or arrays, of which each element is a
piece. Nothing is parsed here: a piece is what lies between brackets that belong together, for Spark to parse. Together
the pieces hold every character that isn't blank, but for the brackets and commas of such arrays.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

_BLANKS = " \t\r\n"
_PAIRS = {"}": "{", "]": "["}


@dataclass(frozen=True)
class Piece:
    """A value's text, or text that is none: then `problem` says why."""

    text: str
    problem: str | None = None


class _Broken(Exception):
    """At `place` it is clear that a value has no proper end."""

    def __init__(self, place: int, why: str) -> None:
        super().__init__(why)
        self.place, self.why = place, why


class Scan:
    """Where values end, under Spark's options of the same names.

    Args:
        single: single quotes are quotes, too. comments: as in Java. breaks: strings go on over the end of a line.
    """

    def __init__(self, single: bool = True, comments: bool = False, breaks: bool = False) -> None:
        end = "" if breaks else "\\n"
        closed = [rf'{quote}[^{quote}\\{end}]*(?:\\.[^{quote}\\{end}]*)*{quote}' for quote in ('"' + "'" * single)]
        remarks = [r"//[^\n]*", r"/\*[\s\S]*?\*/"] if comments else []
        special = r"\[\]{}" + '"' + "'" * single + "/" * comments
        skipped = "|".join((*closed, *remarks))
        flags = re.DOTALL if breaks else re.NOFLAG
        self._nested = re.compile(rf"[^{special}]*(?:(?:{skipped})[^{special}]*)*", flags)
        self._flat = re.compile(rf"[^{special},]*(?:(?:{skipped})[^{special},]*)*", flags)
        self._between = re.compile(rf"(?:[{_BLANKS}]+{''.join('|' + remark for remark in remarks)})*")
        self._junk = re.compile(rf"(?:{'|'.join(closed)}|[^{{\[\n])+")

    def pieces(self, text: str) -> Iterator[Piece]:
        """All of `text`, from its first character to its last."""
        lines, place = _Lines(text), 0
        while (place := self._skip(text, place)) < len(text):
            if text[place] == "[":
                place = yield from self._elements(text, place, lines)
            elif text[place] == "{":
                place = yield from self._one(text, place, lines)
            else:
                found = self._junk.match(text, place)
                end = found.end() if found else len(text)
                yield Piece(text[place:end].rstrip(_BLANKS), f"is no JSON object, on line {lines.at(place)}")
                place = end

    def _one(self, text: str, start: int, lines: _Lines) -> Generator[Piece, None, int]:
        """The value that begins with a bracket at `start`; then the place behind it."""
        try:
            end = self._end(text, start)
            yield Piece(text[start:end])
        except _Broken as broken:
            end = _resumed(text, broken.place, _column(text, start), within=False)
            yield _broken(text[start:end], broken, end == len(text), lines)
        return end

    def _elements(self, text: str, start: int, lines: _Lines) -> Generator[Piece, None, int]:
        """The elements of the array that begins at `start`; then the place behind it."""
        place = self._skip(text, start + 1)
        if text[place:place + 1] == "]":
            return place + 1
        while True:
            try:
                end = self._element_end(text, place)
            except _Broken as broken:
                end = _resumed(text, broken.place, _column(text, place), within=True)
                yield _broken(text[place:end].strip(_BLANKS) or "[", broken, end == len(text), lines)
                if text[end:end + 1] != ",":
                    return end
            else:
                element = text[place:end].strip(_BLANKS)
                absent = None if element else f"has no value before it, on line {lines.at(end)}"
                yield Piece(element or text[end], absent)
            if text[end] == "]":
                return end + 1
            place = self._skip(text, end + 1)

    def _element_end(self, text: str, start: int) -> int:
        """The place of the comma or bracket behind an element, whatever it consists of."""
        place = start
        while True:
            place = self._flat.match(text, place).end()  # type: ignore[union-attr]  # it matches even nothing
            found = text[place:place + 1]
            if found in (",", "]") and found:
                return place
            if found and found in "{[":
                place = self._end(text, place)
            elif found == "/":
                place += 1
            else:
                raise _Broken(place, _why(text, place))

    def _end(self, text: str, start: int) -> int:
        """The place behind the value that begins with a bracket at `start`."""
        place, opened = start, []
        while True:
            place = self._nested.match(text, place).end()  # type: ignore[union-attr]
            found = text[place:place + 1]
            if found and found in "{[":
                opened.append(found)
            elif found in _PAIRS:
                if opened.pop() != _PAIRS[found]:
                    raise _Broken(place, _MIXED)
                if not opened:
                    return place + 1
            elif found != "/":
                raise _Broken(place, _why(text, place))
            place += 1

    def _skip(self, text: str, place: int) -> int:
        return self._between.match(text, place).end()  # type: ignore[union-attr]


_ENDS, _MIXED = "the text ends before it is closed", "a bracket is closed by another"
_NEXT = re.compile(r"([}\]])([ \t\r]*,)?\s*\n([ \t]*)(?=[{\[])")


def _why(text: str, place: int) -> str:
    """What is wrong where neither a bracket nor a whole string is found."""
    if text[place:place + 1] in ("}", "]"):
        return _MIXED
    return "a string isn't closed" if text.find("\n", place) >= 0 else _ENDS


class _Lines:
    """Line numbers of places, asked for in ascending order."""

    def __init__(self, text: str) -> None:
        self._text, self._place, self._line = text, 0, 1

    def at(self, place: int) -> int:
        self._line += self._text.count("\n", self._place, place)
        self._place = max(place, self._place)
        return self._line


def _broken(text: str, broken: _Broken, to_the_end: bool, lines: _Lines) -> Piece:
    rest = ", and all that follows belongs to it" if to_the_end and broken.why != _ENDS else ""
    return Piece(text.strip(_BLANKS), f"is no whole JSON value: on line {lines.at(broken.place)} {broken.why}{rest}")


def _column(text: str, place: int) -> int:
    """How far a value is indented; 0 where it follows another on its line."""
    begin = text.rfind("\n", 0, place) + 1
    return place - begin if not text[begin:place].strip(" \t[") else 0


def _resumed(text: str, place: int, column: int, within: bool) -> int:
    """Where a broken value is taken to end: before a line that begins as a value does, no further to the right than the
    broken one, after a line that ends as a value does. The end of the text where there is none.

    Args:
        within: the value is an array's element, so that a comma has to follow it.
    """
    for found in _NEXT.finditer(text, place):
        if len(found[3]) > column:
            continue
        if within and found[2]:
            return found.end(2) - 1
        if not found[2] and (not within or found[1] == "]"):
            return found.end(1)
    return len(text)
