"""The records of a text of XML: each element of one name that isn't within another of that name.

    for piece in Cutter(Form("book")).pieces(chunks): piece.element, piece.text, piece.problem

Nothing is lost: what is not well-formed is a piece with a problem, from where its record begins. The records behind it
are read where it is certain that the broken one ends with its own end tag; else each of them is refused as well, since
nobody can tell what it is within. Entities that a file defines are refused, so that none of them grows; nothing outside
the text is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat
from xml.parsers.expat import errors

from laketrain.clean.reading.xml.options import Form

MOST = 64 << 20
"""Bytes of a record; one that is longer counts as never closed."""
_MOST_BROKEN = 4 << 20
"""Bytes of a piece that is no record."""
MOST_DEEP = 200
"""Elements within one another in a record."""
_MOST_NAMES = 1000
_WHOLE_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")
_NEXT_DOCUMENT = (errors.codes[errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT],
                  errors.codes[errors.XML_ERROR_MISPLACED_XML_PI])
_CUT = tuple(errors.codes[name] for name in (errors.XML_ERROR_NO_ELEMENTS, errors.XML_ERROR_UNCLOSED_TOKEN,
                                            errors.XML_ERROR_PARTIAL_CHAR, errors.XML_ERROR_UNCLOSED_CDATA_SECTION))
_UNSURE = (b"<!", b"<?")


class Refused(Exception):
    """The whole text can't be taken; says why, and what helps."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.why, self.remedy = why, remedy


@dataclass(slots=True)
class Element:
    """An element: its texts are those before, between and behind its `children`. start, end: where its tags begin; of
    one that is empty, `end` is where its only one ends."""

    name: str
    attributes: dict[str, str]
    start: int
    end: int = 0
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=lambda: [""])


@dataclass(frozen=True)
class Piece:
    """A record and its bytes as they came, or bytes that are none: then `problem` says why. start: where they begin."""

    raw: bytes
    start: int
    element: Element | None = None
    problem: str | None = None

    def inner(self, element: Element) -> bytes:
        """What stands between the tags of an element of the record."""
        begin = element.start - self.start
        tag = _WHOLE_TAG.match(self.raw, begin)
        return self.raw[tag.end() if tag else begin:element.end - self.start]


@dataclass(frozen=True)
class _Lost:
    """Where the parser ended, and from where on nothing of it has been given. record: whether that is a record's."""

    place: int
    start: int
    record: bool
    why: str


class Cutter:
    """Takes one text. others: the names of elements that are neither the root nor in a record. empty: whether there is
    no element at all."""

    def __init__(self, form: Form) -> None:
        self._form = form
        name = re.escape(form.tag.encode())
        name = rb"(?:[^\s<>/:]+:)?" + name if form.local else name
        self._opens, self._ends = re.compile(rb"<" + name + rb"[\s/>]"), re.compile(rb"</" + name + rb"\s*>")
        self._buffer, self._at = bytearray(), 0  # what may be needed yet, and where it begins
        self._lost: _Lost | None = None
        self._gave_up = False
        self._out: list[Piece] = []
        self.others: dict[str, None] = {}
        self.empty = True
        self._begin(0, (), 0)

    def pieces(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        """All of the text, which comes in UTF-8. Raises Refused."""
        for chunk in chunks:
            self._buffer += chunk
            yield from self._go(chunk, final=False)
        yield from self._go(b"", final=True)

    # ---- Parsing

    def _begin(self, at: int, within: tuple[str, ...], lines: int) -> None:
        """A parser of what begins at the place `at` and on the line after `lines`, as if within such elements."""
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler, parser.SkippedEntityHandler = self._declared, self._skipped
        self._stack: list[Element] = []
        self._path: list[str] = []
        self._problem: str | None = None
        prefix = "".join(f"<{name}>" for name in within).encode()
        self._shift, self._lines, self._begun = at - len(prefix), lines, at
        parser.Parse(prefix, False)

    def _go(self, data: bytes, final: bool) -> Iterator[Piece]:
        while True:
            if self._lost is None:
                self._lost = self._parsed(data, final)
                yield from self._out
                self._out = []
            if self._lost is None:
                return self._forget()
            resumed = None if self._gave_up else self._resumed(self._lost, final)
            # Where the next document begins, nothing is broken.
            if resumed is None:
                if self._gave_up:
                    yield from self._rest(self._lost, final)
                return None
            if resumed > self._lost.start:
                yield self._broken(self._lost.start, resumed, first=True)
            self._again(resumed)
            data, self._lost = bytes(self._buffer), None

    def _parsed(self, data: bytes, final: bool) -> _Lost | None:
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            self._code, line = error.code, self._lines + error.lineno
            return self._where(self._parser.ErrorByteIndex + self._shift, self._why(line), line)
        if self._stack and len(self._buffer) > MOST:
            self._code, line = 0, self._lines + self._parser.CurrentLineNumber
            why = f"<{self._form.tag}> isn't closed within {MOST >> 20} MiB, up to line {line}"
            return self._where(self._at + len(self._buffer), why, line)
        return None

    def _why(self, line: int) -> str:
        within = [*self._path, *(element.name for element in self._stack[:1])]
        if within and self._code in _CUT:
            return f"it ends on line {line}, before <{within[-1]}> is closed"
        return f"{expat.ErrorString(self._code)} on line {line}"

    def _where(self, place: int, why: str, line: int) -> _Lost:
        self._line = line
        if self._stack:
            return _Lost(place, self._stack[0].start, True, why)
        begin = max(self._buffer.rfind(b"<", 0, place - self._at), 0)
        whole = _WHOLE_TAG.match(self._buffer, begin)
        if whole and whole.end() <= place - self._at:
            begin = whole.end()
        begin += len(self._buffer[begin:]) - len(self._buffer[begin:].lstrip())
        return _Lost(place, self._at + begin, self._opens.match(self._buffer, begin) is not None, why)

    def _forget(self) -> None:
        """Drops what has been given."""
        kept = self._stack[0].start if self._stack else self._parser.CurrentByteIndex + self._shift
        if kept > self._at:
            del self._buffer[:kept - self._at]
            self._at = kept

    # ---- What isn't well-formed

    def _resumed(self, lost: _Lost, final: bool) -> int | None:
        """From where on it is certain how to read. Where it isn't, it gives up; None, too, where that needs more."""
        start, place = lost.start - self._at, lost.place - self._at
        if self._code in _NEXT_DOCUMENT and lost.place > self._begun and self._buffer.startswith(b"<", place):
            self._lost = _Lost(lost.place, lost.place, False, lost.why)
            return lost.place
        if not lost.record:
            self._gave_up = True
            return None
        # The parser names the place within a tag that is wrong.
        end = self._ends.search(self._buffer, max(self._buffer.rfind(b"<", 0, place + 1), start))
        until = end.end() if end else len(self._buffer)
        unsure = self._opens.search(self._buffer, start + 1, until) is not None or any(
            self._buffer.find(mark, start, until) >= 0 for mark in _UNSURE)
        if end and not unsure:
            return self._at + until
        self._gave_up = unsure or final or until - start > _MOST_BROKEN
        return None

    def _again(self, place: int) -> None:
        """A new parser at the place, within the elements in which the old one was."""
        lost = self._lost
        assert lost is not None
        lines = self._line - 1 + self._buffer.count(b"\n", lost.place - self._at, place - self._at)
        del self._buffer[:place - self._at]
        self._at = place
        self._begin(place, tuple(self._path), lines)

    def _rest(self, lost: _Lost, final: bool) -> Iterator[Piece]:
        """All that follows, cut where a record seems to begin."""
        begin, first = max(self._at, lost.start), self._at <= lost.start
        while (found := self._opens.search(self._buffer, begin - self._at + 1)) is not None:
            yield from self._some(begin, self._at + found.start(), first)
            begin, first = self._at + found.start(), False
        if final or self._at + len(self._buffer) - begin > _MOST_BROKEN:
            end = self._at + len(self._buffer)
            if first and final and not self._buffer[begin - self._at:].strip():
                if self._path:
                    yield Piece(f"<{self._path[-1]}>".encode(), begin, None, self._said(first=True))
            else:
                yield from self._some(begin, end, first)
            begin, first = end, False
        if not first:
            del self._buffer[:begin - self._at]
            self._at = begin
            # What is left is none that the parser was in.
            self._lost = _Lost(lost.place, begin - 1, lost.record, lost.why)

    def _some(self, begin: int, end: int, first: bool) -> Iterator[Piece]:
        piece = self._broken(begin, end, first)
        if piece.raw:
            yield piece

    def _broken(self, begin: int, end: int, first: bool) -> Piece:
        return Piece(bytes(self._buffer[begin - self._at:end - self._at]).strip(), begin, None, self._said(first))

    def _said(self, first: bool) -> str:
        assert self._lost is not None
        return f"is no whole XML: {self._lost.why}" if first else (
            f"can't be told from what is before it, which is no whole XML: {self._lost.why}")

    # ---- What the parser finds

    @property
    def _place(self) -> int:
        return self._parser.CurrentByteIndex + self._shift

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.empty = False
        if not self._stack and self._form.named(name) != self._form.tag:
            self._path.append(name)
            if len(self._path) > 1 and len(self.others) < _MOST_NAMES:
                self.others[name] = None
            return
        if len(self._stack) == MOST_DEEP:
            self._problem = f"has more than {MOST_DEEP} elements within one another"
        self._stack.append(Element(name, attributes, self._place))

    def _end(self, name: str) -> None:
        if not self._stack:
            self._path.pop()
            return
        element = self._stack.pop()
        element.end = self._place
        if self._stack:
            if len(self._stack) < MOST_DEEP:
                self._stack[-1].children.append(element)
                self._stack[-1].texts.append("")
            return
        begin = element.start - self._at
        tag = _WHOLE_TAG.match(self._buffer, begin)
        if tag is None or not tag[0].endswith(b"/>"):
            tag = _WHOLE_TAG.match(self._buffer, element.end - self._at)
        assert tag is not None
        raw = bytes(self._buffer[begin:tag.end()])
        self._out.append(Piece(raw, element.start, element, self._problem))
        self._problem = None

    def _text(self, data: str) -> None:
        if self._stack:
            self._stack[-1].texts[-1] += data

    def _skipped(self, name: str, is_parameter: bool) -> None:
        if self._stack:
            self._problem = f"has the entity &{name};, which the file doesn't define"

    def _declared(self, name: str, *_: object) -> NoReturn:
        raise Refused(f"defines the entity {name!r}, of which a short text can make an endless one",
                      "deliver it with the text in the entity's place, and without the definition")
