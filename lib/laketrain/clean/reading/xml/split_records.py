"""Splits an XML text into records: each element of one name that isn't within another of that name.

    for piece in RecordSplitter(XmlOptions("book")).split(chunks): piece.element, piece.raw, piece.problem

Nothing is lost: text that isn't well-formed becomes a piece with a problem, from the start of its record. The records
after it are read if the broken one certainly ends with its own end tag. Otherwise each of them is rejected as well, as
its parent elements are unknown. A file that defines entities is refused, so that none can expand without limit. Nothing
outside the text is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat
from xml.parsers.expat import errors

from laketrain.clean.reading.xml.options import XmlOptions

MAX_RECORD_BYTES = 64 << 20
"""Bytes of a record; a longer one counts as never closed."""
_MAX_BROKEN_BYTES = 4 << 20
"""Bytes of a piece that isn't a record."""
MAX_DEPTH = 200
"""Levels of nested elements in a record."""
_MAX_NAMES = 1000
_WHOLE_TAG = re.compile(rb"""<(?:[^>"']|"[^"]*"|'[^']*')*>""")
_NEXT_DOCUMENT = (errors.codes[errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT],
                  errors.codes[errors.XML_ERROR_MISPLACED_XML_PI])
_TRUNCATED = tuple(errors.codes[name] for name in (errors.XML_ERROR_NO_ELEMENTS, errors.XML_ERROR_UNCLOSED_TOKEN,
                                                   errors.XML_ERROR_PARTIAL_CHAR,
                                                   errors.XML_ERROR_UNCLOSED_CDATA_SECTION))
_UNSURE_MARKS = (b"<!", b"<?")


class FileRefused(Exception):
    """The whole text is refused, for this reason; `hint` is the next step."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


@dataclass(slots=True)
class Element:
    """An element.

    Attributes:
        start, end: the offsets of its tags; if it has only one tag, `end` is the offset after it. texts: the texts
            before, between and after its `children`.
    """

    name: str
    attributes: dict[str, str]
    start: int
    end: int = 0
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=lambda: [""])


@dataclass(frozen=True)
class Piece:
    """A record, or other text.

    Attributes:
        raw: the original bytes, in UTF-8. start: their offset. problem: why they aren't a valid record.
    """

    raw: bytes
    start: int
    element: Element | None = None
    problem: str | None = None

    def inner(self, element: Element) -> bytes:
        """The bytes between the tags of an element of the record."""
        begin = element.start - self.start
        tag = _WHOLE_TAG.match(self.raw, begin)
        return self.raw[tag.end() if tag else begin:element.end - self.start]


@dataclass(frozen=True)
class _ParseError:
    """An error of the parser.

    Attributes:
        position: where it stopped. start: from where nothing has been returned. in_record: whether a record begins
            there.
    """

    position: int
    start: int
    in_record: bool
    reason: str


class RecordSplitter:
    """Splits one text.

    Attributes:
        other_elements: the names of elements that are neither the root nor in a record. empty: whether the text has no
            element at all.
    """

    def __init__(self, options: XmlOptions) -> None:
        self._options = options
        name = re.escape(options.row_tag.encode())
        name = rb"(?:[^\s<>/:]+:)?" + name if options.ignore_namespace else name
        self._start_tag, self._end_tag = re.compile(rb"<" + name + rb"[\s/>]"), re.compile(rb"</" + name + rb"\s*>")
        self._buffer, self._offset = bytearray(), 0  # text that may still be needed, and its offset
        self._error: _ParseError | None = None
        self._gave_up = False
        self._complete: list[Piece] = []
        self.other_elements: dict[str, None] = {}
        self.empty = True
        self._start_parser(0, (), 0)

    def split(self, chunks: Iterable[bytes]) -> Iterator[Piece]:
        """Splits all of the text, in chunks of UTF-8. Raises FileRefused."""
        for chunk in chunks:
            self._buffer += chunk
            yield from self._parse(chunk, final=False)
        yield from self._parse(b"", final=True)

    # ---- Parsing

    def _start_parser(self, at: int, within: tuple[str, ...], lines: int) -> None:
        """Starts a parser at the offset `at`, after so many `lines`, as if inside the elements `within`."""
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._on_start, self._on_end
        parser.CharacterDataHandler = self._on_text
        parser.EntityDeclHandler, parser.SkippedEntityHandler = self._on_entity_declaration, self._on_skipped_entity
        self._stack: list[Element] = []
        self._path: list[str] = []
        self._problem: str | None = None
        prefix = "".join(f"<{name}>" for name in within).encode()
        self._shift, self._lines, self._parser_start = at - len(prefix), lines, at
        parser.Parse(prefix, False)

    def _parse(self, data: bytes, final: bool) -> Iterator[Piece]:
        while True:
            if self._error is None:
                self._error = self._feed(data, final)
                yield from self._complete
                self._complete = []
            if self._error is None:
                return self._discard()
            resumed = None if self._gave_up else self._resume_at(self._error, final)
            # At the start of another document, nothing is broken.
            if resumed is None:
                if self._gave_up:
                    yield from self._split_rest(self._error, final)
                return None
            if resumed > self._error.start:
                yield self._broken_piece(self._error.start, resumed, first=True)
            self._restart(resumed)
            data, self._error = bytes(self._buffer), None

    def _feed(self, data: bytes, final: bool) -> _ParseError | None:
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as error:
            self._code, line = error.code, self._lines + error.lineno
            return self._error_at(self._parser.ErrorByteIndex + self._shift, self._reason(line), line)
        if self._stack and len(self._buffer) > MAX_RECORD_BYTES:
            self._code, line = 0, self._lines + self._parser.CurrentLineNumber
            reason = f"<{self._options.row_tag}> isn't closed within {MAX_RECORD_BYTES >> 20} MiB, up to line {line}"
            return self._error_at(self._offset + len(self._buffer), reason, line)
        return None

    def _reason(self, line: int) -> str:
        within = [*self._path, *(element.name for element in self._stack[:1])]
        if within and self._code in _TRUNCATED:
            return f"it ends on line {line}, before <{within[-1]}> is closed"
        return f"{expat.ErrorString(self._code)} on line {line}"

    def _error_at(self, position: int, reason: str, line: int) -> _ParseError:
        self._line = line
        if self._stack:
            return _ParseError(position, self._stack[0].start, True, reason)
        begin = max(self._buffer.rfind(b"<", 0, position - self._offset), 0)
        whole = _WHOLE_TAG.match(self._buffer, begin)
        if whole and whole.end() <= position - self._offset:
            begin = whole.end()
        begin += len(self._buffer[begin:]) - len(self._buffer[begin:].lstrip())
        in_record = self._start_tag.match(self._buffer, begin) is not None
        return _ParseError(position, self._offset + begin, in_record, reason)

    def _discard(self) -> None:
        """Drops the text of pieces that were returned."""
        needed = self._stack[0].start if self._stack else self._parser.CurrentByteIndex + self._shift
        if needed > self._offset:
            del self._buffer[:needed - self._offset]
            self._offset = needed

    # ---- Text that isn't well-formed

    def _resume_at(self, error: _ParseError, final: bool) -> int | None:
        """The offset from which parsing can continue safely. None if it gives up, or needs more text to decide."""
        start, position = error.start - self._offset, error.position - self._offset
        is_next = self._code in _NEXT_DOCUMENT and error.position > self._parser_start
        if is_next and self._buffer.startswith(b"<", position):
            self._error = _ParseError(error.position, error.position, False, error.reason)
            return error.position
        if not error.in_record:
            self._gave_up = True
            return None
        # The parser's position is inside the wrong tag.
        end = self._end_tag.search(self._buffer, max(self._buffer.rfind(b"<", 0, position + 1), start))
        until = end.end() if end else len(self._buffer)
        unsure = self._start_tag.search(self._buffer, start + 1, until) is not None or any(
            self._buffer.find(mark, start, until) >= 0 for mark in _UNSURE_MARKS)
        if end and not unsure:
            return self._offset + until
        self._gave_up = unsure or final or until - start > _MAX_BROKEN_BYTES
        return None

    def _restart(self, position: int) -> None:
        """Starts a new parser at the position, inside the same elements."""
        error = self._error
        assert error is not None
        lines = self._line - 1 + self._buffer.count(b"\n", error.position - self._offset, position - self._offset)
        del self._buffer[:position - self._offset]
        self._offset = position
        self._start_parser(position, tuple(self._path), lines)

    def _split_rest(self, error: _ParseError, final: bool) -> Iterator[Piece]:
        """The rest of the text, split where a record seems to begin."""
        begin, first = max(self._offset, error.start), self._offset <= error.start
        while (match := self._start_tag.search(self._buffer, begin - self._offset + 1)) is not None:
            yield from self._nonempty_piece(begin, self._offset + match.start(), first)
            begin, first = self._offset + match.start(), False
        if final or self._offset + len(self._buffer) - begin > _MAX_BROKEN_BYTES:
            end = self._offset + len(self._buffer)
            if first and final and not self._buffer[begin - self._offset:].strip():
                if self._path:
                    yield Piece(f"<{self._path[-1]}>".encode(), begin, None, self._message(first=True))
            else:
                yield from self._nonempty_piece(begin, end, first)
            begin, first = end, False
        if not first:
            del self._buffer[:begin - self._offset]
            self._offset = begin
            # The rest isn't part of the record that failed.
            self._error = _ParseError(error.position, begin - 1, error.in_record, error.reason)

    def _nonempty_piece(self, begin: int, end: int, first: bool) -> Iterator[Piece]:
        piece = self._broken_piece(begin, end, first)
        if piece.raw:
            yield piece

    def _broken_piece(self, begin: int, end: int, first: bool) -> Piece:
        raw = bytes(self._buffer[begin - self._offset:end - self._offset]).strip()
        return Piece(raw, begin, None, self._message(first))

    def _message(self, first: bool) -> str:
        assert self._error is not None
        return f"isn't well-formed XML: {self._error.reason}" if first else (
            f"follows text that isn't well-formed XML: {self._error.reason}")

    # ---- Callbacks of the parser

    @property
    def _position(self) -> int:
        return self._parser.CurrentByteIndex + self._shift

    def _on_start(self, name: str, attributes: dict[str, str]) -> None:
        self.empty = False
        if not self._stack and self._options.local_name(name) != self._options.row_tag:
            self._path.append(name)
            if len(self._path) > 1 and len(self.other_elements) < _MAX_NAMES:
                self.other_elements[name] = None
            return
        if len(self._stack) == MAX_DEPTH:
            self._problem = f"has more than {MAX_DEPTH} levels of nested elements"
        self._stack.append(Element(name, attributes, self._position))

    def _on_end(self, name: str) -> None:
        if not self._stack:
            self._path.pop()
            return
        element = self._stack.pop()
        element.end = self._position
        if self._stack:
            if len(self._stack) < MAX_DEPTH:
                self._stack[-1].children.append(element)
                self._stack[-1].texts.append("")
            return
        begin = element.start - self._offset
        tag = _WHOLE_TAG.match(self._buffer, begin)
        if tag is None or not tag[0].endswith(b"/>"):
            tag = _WHOLE_TAG.match(self._buffer, element.end - self._offset)
        assert tag is not None
        raw = bytes(self._buffer[begin:tag.end()])
        self._complete.append(Piece(raw, element.start, element, self._problem))
        self._problem = None

    def _on_text(self, data: str) -> None:
        if self._stack:
            self._stack[-1].texts[-1] += data

    def _on_skipped_entity(self, name: str, is_parameter: bool) -> None:
        if self._stack:
            self._problem = f"has the entity &{name};, which the file doesn't define"

    def _on_entity_declaration(self, name: str, *_: object) -> NoReturn:
        raise FileRefused(f"defines the entity {name!r}, which might expand without limit",
                          "replace the entity by its text, and remove the definition")
