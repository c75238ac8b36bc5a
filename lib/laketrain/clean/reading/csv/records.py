r"""Finds where the records of a CSV text start and end, in bytes, and which of them are invalid.

    cut = Grammar.of(dialect).cut(b'id,text\n1,"two\nlines"\n2,"open\n3,c\n', final=True)
    cut.texts()                 # [b'id,text', b'1,"two\nlines"', b'2,"open', b'3,c']
    cut.problems                # {2: "has a quote that is never closed"}

A value that starts with a quote ends at the closing quote, across line ends and separators. After that there must be a
separator or a line end, else the whole record is rejected. A quote that is never closed, or only by the opening quote
of a value in a later line, is invalid: the record is rejected up to the end of the quote's line, and the next line is
parsed as if the quote weren't there.

Most quotes come in pairs, so a whole block is checked at once: a line end after an even number of quotes ends a record,
as long as each opening quote follows a separator or line end, and each closing quote precedes one. Only records with
other quotes are scanned quote by quote. Both methods return the same records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from laketrain.config.sources.dialect import Dialect

LIMIT = 64 << 20
"""A quote that is open for so many bytes counts as never closed."""
UNCLOSED = "has a quote that is never closed"
TRAILING = "has text after a closing quote"

BLANK = bytes(range(33))
"""The characters that Spark trims: the space and all below it."""
_NO_OFFSETS: NDArray[np.int64] = np.empty(0, np.int64)
Offsets = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """A block's records: number i is `data[starts[i]:ends[i]]`, without its line end, empty lines and comments.

    Attributes:
        used: the offset of the next record. problems: why records are rejected, by their number. lines: whether every
            record is a line. blanks: whether a record may consist of blanks only.
    """

    data: bytes
    starts: Offsets
    ends: Offsets
    used: int
    problems: dict[int, str] = field(default_factory=dict)
    lines: bool = True
    blanks: bool = False

    @property
    def plain(self) -> bool:
        """Whether a line-by-line reader finds exactly these records."""
        return self.lines and not self.blanks and not self.problems

    def __len__(self) -> int:
        return len(self.starts)

    def texts(self) -> list[bytes]:
        return [self.data[start:end] for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]

    def only(self, chosen: NDArray[np.bool_]) -> Cut:
        """The chosen records."""
        numbers = np.cumsum(chosen) - 1
        problems = {int(numbers[number]): problem for number, problem in self.problems.items() if chosen[number]}
        return replace(self, starts=self.starts[chosen], ends=self.ends[chosen], problems=problems)


@dataclass(frozen=True)
class _Record:
    """A record: the offsets of its end and of the next one, and why it is rejected."""

    end: int
    after: int
    problem: str | None


class _Marks(NamedTuple):
    """The offsets in a block from which its records are derived.

    Attributes:
        lines: of line ends. quotes: of quotes. before: the number of quotes before each line end. odd: the numbers of
            misplaced quotes, if quotes with even numbers open, and if those with odd numbers do. quoting: the numbers
            of lines in which a value starts with a quote.
    """

    lines: Offsets
    quotes: Offsets = _NO_OFFSETS
    before: Offsets = _NO_OFFSETS
    odd: tuple[Offsets, Offsets] = (_NO_OFFSETS, _NO_OFFSETS)
    quoting: Offsets = _NO_OFFSETS

    def in_pairs(self, offset: int) -> tuple[Offsets, bool]:
        """The ends of records from `offset` on, where one starts, up to the first with a misplaced quote; and whether
        there is such a record."""
        if not len(self.quotes):
            return self.lines[np.searchsorted(self.lines, offset):], False
        first = int(np.searchsorted(self.quotes, offset))
        bad = self.odd[first % 2]
        at = int(np.searchsorted(bad, first))
        begin = int(np.searchsorted(self.lines, offset))
        end = int(np.searchsorted(self.lines, self.quotes[bad[at]])) if at < len(bad) else len(self.lines)
        even = (self.before[begin:end] - first) % 2 == 0
        return self.lines[begin:end][even], at < len(bad)

    def without_pairs(self, offset: int) -> Offsets:
        """The ends of the lines from `offset` on, where a record starts, up to the first with a quoted value. Other
        quotes are ordinary characters."""
        begin = int(np.searchsorted(self.lines, offset))
        at = int(np.searchsorted(self.quoting, begin))
        return self.lines[begin:int(self.quoting[at]) if at < len(self.quoting) else len(self.lines)]


@dataclass(frozen=True)
class Grammar:
    """A dialect in bytes, for UTF-8 or any encoding in which these bytes are never part of another character."""

    separator: bytes
    quote: bytes
    escape: bytes
    comment: bytes
    line_end: bytes
    skip_leading: bool

    @classmethod
    def of(cls, dialect: Dialect) -> Grammar:
        return cls(dialect.separator.encode(), dialect.quote.encode(), dialect.escape.encode(),
                   dialect.comment.encode(), dialect.line_end.encode(), dialect.skip_leading)

    def cut(self, data: bytes, final: bool, start: int = 0) -> Cut:
        """The records of `data` from `start` on, where one starts. Unless `final`, a last record that may continue
        beyond `data` isn't included."""
        marks = self._marks(data)
        starts, ends, used, count = [_NO_OFFSETS], [_NO_OFFSETS], start, 0
        problems: dict[int, str] = {}
        for begins, stops, after, problem in self._runs(data, final, start, marks):
            used = after
            starts.append(begins)
            ends.append(stops)
            if problem:
                problems[count] = problem
            count += len(begins)
        closed = count - (count > 0 and ends[-1][-1] == len(data))
        inner = int(np.subtract(*np.searchsorted(marks.lines, [used, start]))) > closed
        return self._without_blank(Cut(data, np.concatenate(starts), np.concatenate(ends), used, problems, not inner))

    def resume(self, data: bytes, final: bool) -> int | None:
        """The offset of the next record, if `data` starts within quotes. None if they aren't closed in `data`, or what
        follows makes it doubtful that they were open."""
        record = self._record(data, 0, final, self._marks(data), within=True)
        return None if record is None or record.problem else record.after

    def next_line(self, data: bytes) -> int | None:
        """The offset of the second line; None if there is none, or it may be cut off."""
        lines = self._lines(data, np.frombuffer(data, np.uint8))
        after = self._after(data, lines[:1])
        return int(after[0]) if len(after) and after[0] < len(data) else None

    def cells(self, record: bytes) -> list[bytes]:
        """The values of a valid record, without their quotes."""
        quotes = self._marks(record).quotes
        cells, offset = [], 0
        while True:
            begin = self._past_blanks(record, offset) if self.skip_leading else offset
            if self.quote and record.startswith(self.quote, begin):
                inner = begin + len(self.quote)
                close = self._closing(record, inner, quotes)
                stop = record.find(self.separator, close)
                cells.append(self._unescaped(record[inner:close]))
            else:
                stop = record.find(self.separator, begin)
                cells.append(record[begin:None if stop < 0 else stop])
            if stop < 0:
                return cells
            offset = stop + len(self.separator)

    def ends_in_a_bare_quote(self, record: bytes) -> bool:
        """Whether the last byte of a valid record is a quote that closes nothing."""
        if not record.endswith(self.quote):
            return False
        last = self.cells(record)[-1]
        return last.endswith(self.quote) and (record == last or record.endswith(self.separator + last))

    # ---- A block at once

    def _runs(self, data: bytes, final: bool, start: int, marks: _Marks
              ) -> Iterator[tuple[Offsets, Offsets, int, str | None]]:
        """Runs of records: their starts and ends, the offset of the next record, and the problem of a run of one."""
        at_once = self._at_once(data, start, marks)
        offset = start
        while offset < len(data):
            if at_once:
                ends, more = marks.in_pairs(offset)
                if more and not len(ends):
                    ends = marks.without_pairs(offset)
                if len(ends):
                    after = self._after(data, ends)
                    yield np.concatenate([[offset], after[:-1]]), ends, int(after[-1]), None
                    offset = int(after[-1])
                    continue
                if not more and not final and len(data) - offset < LIMIT:
                    return
            record = self._record(data, offset, final, marks)
            if record is None:
                return
            offset, begin = record.after, offset
            yield np.array([begin]), np.array([record.end]), record.after, record.problem

    def _at_once(self, data: bytes, start: int, marks: _Marks) -> bool:
        line_ends = (self.line_end,) if self.line_end else (b"\n", b"\r")
        if self.comment and (data.startswith(self.comment, start)
                             or any(line_end + self.comment in data for line_end in line_ends)):
            return False
        return not len(marks.quotes) or (len(self.separator) == len(self.quote) == 1 and len(self.line_end) < 2)

    def _marks(self, data: bytes) -> _Marks:
        array = np.frombuffer(data, np.uint8)
        lines = self._lines(data, array)
        if not self.quote or self.quote not in data:
            return _Marks(lines)
        quotes = _offsets(data, array, self.quote)
        ends = list(self.line_end[:1] or b"\r\n")
        behind, ahead = array[np.maximum(quotes - 1, 0)], array[np.minimum(quotes + 1, len(array) - 1)]
        border = np.zeros(256, bool)
        border[[self.separator[0], *ends]] = True
        values = border[behind] | ((behind < 33) if self.skip_leading else False)
        values[0] |= quotes[0] == 0
        # The second half of a doubled quote reopens what the first half closed.
        border[self.quote[0]] = self.escape == self.quote
        opens, closes = border[behind], border[ahead]
        opens[0] |= quotes[0] == 0
        closes[-1] &= quotes[-1] + 1 < len(array)
        if self.escape and self.escape != self.quote:
            closes &= behind != self.escape[0]
        even, odd = closes.copy(), opens.copy()
        even[::2], odd[::2] = opens[::2], closes[::2]
        return _Marks(lines, quotes, np.searchsorted(quotes, lines), (np.flatnonzero(~even), np.flatnonzero(~odd)),
                      np.searchsorted(lines, quotes[values]))

    def _lines(self, data: bytes, array: NDArray[np.uint8]) -> Offsets:
        """The offsets of line ends; for those of two bytes, of the first byte."""
        if self.line_end:
            return _offsets(data, array, self.line_end)
        newlines = np.flatnonzero(array == 10)
        if b"\r" not in data:
            return newlines
        alone = newlines[(newlines == 0) | (array[np.maximum(newlines - 1, 0)] != 13)]
        return np.sort(np.concatenate([alone, np.flatnonzero(array == 13)]))

    def _after(self, data: bytes, ends: Offsets) -> Offsets:
        """The offsets after line ends."""
        if self.line_end:
            return ends + len(self.line_end)
        array = np.frombuffer(data, np.uint8)
        following = np.minimum(ends + 1, len(array) - 1)
        return ends + 1 + ((array[ends] == 13) & (array[following] == 10) & (following > ends))

    def _without_blank(self, cut: Cut) -> Cut:
        """The cut without empty lines and comments."""
        if not len(cut):
            return cut
        array = np.frombuffer(cut.data, np.uint8)
        kept = cut.ends > cut.starts
        if self.comment:
            kept &= ~np.array([cut.data.startswith(self.comment, start) for start in cut.starts.tolist()])
        cut = cut if kept.all() else cut.only(kept)
        candidates = np.flatnonzero(array[cut.starts] < 33).tolist()
        return replace(cut, blanks=any(not cut.data[cut.starts[at]:cut.ends[at]].strip(BLANK) for at in candidates))

    # ---- Quote by quote

    def _record(self, data: bytes, start: int, final: bool, marks: _Marks, within: bool = False) -> _Record | None:
        """The record at `start`, whose first byte is `within` quotes or not; None if it may continue beyond `data`."""
        if self.comment and not within and data.startswith(self.comment, start):
            return self._line(data, start, final, marks, None)
        problem, offset, value = None, start, start
        while True:
            quote = start if within else self._opening(data, offset, value, marks)
            if quote is None:
                return self._line(data, offset, final, marks, problem)
            close = self._closing(data, quote if within else quote + len(self.quote), marks.quotes)
            after = self._past_blanks(data, close + len(self.quote)) if close >= 0 else len(data)
            cut_off = not final and len(data) - after < max(len(self.separator), len(self.line_end))
            if cut_off and (close >= 0 or len(data) - start < LIMIT):
                return None
            if close < 0:
                return self._line(data, quote, final, marks, UNCLOSED)
            value = -1
            if data.startswith(self.separator, after):
                value = after + len(self.separator)
            elif after < len(data) and not self._ends_line(data, after):
                if within or self._begins_value(data, quote, close, marks):
                    return self._line(data, quote, final, marks, UNCLOSED)
                problem = problem or TRAILING
            offset, within = max(value, after), False

    def _line(self, data: bytes, offset: int, final: bool, marks: _Marks, problem: str | None) -> _Record | None:
        """The record that ends with the line at `offset`."""
        number = int(np.searchsorted(marks.lines, offset))
        if number < len(marks.lines):
            end = marks.lines[number:number + 1]
            return _Record(int(end[0]), int(self._after(data, end)[0]), problem)
        return _Record(len(data), len(data), problem) if final else None

    def _opening(self, data: bytes, offset: int, value: int, marks: _Marks) -> int | None:
        """The next quote that opens a value in the line at `offset`. value: the offset at which one starts; -1 if
        `offset` is within a value."""
        number = int(np.searchsorted(marks.lines, offset))
        end = int(marks.lines[number]) if number < len(marks.lines) else len(data)
        first, last = np.searchsorted(marks.quotes, [offset, end])
        return next((quote for quote in marks.quotes[first:last].tolist() if self._opens(data, offset, value, quote)),
                    None)

    def _opens(self, data: bytes, offset: int, value: int, quote: int) -> bool:
        """Whether a value starts with the `quote`: at `value`, unless that is -1, or after a separator."""
        begin = quote
        while self.skip_leading and begin > offset and self._is_blank(data, begin - 1):
            begin -= 1
        if begin == value:
            return True
        after = offset
        while (at := data.find(self.separator, after, begin)) >= 0:
            after = at + len(self.separator)
            if after == begin:
                return True
        return False

    def _begins_value(self, data: bytes, quote: int, close: int, marks: _Marks) -> bool:
        """Whether the quote at `close` starts a value in a line after that of `quote`."""
        first, last = np.searchsorted(marks.lines, [quote, close])
        if first == last:
            return False
        begin = int(self._after(data, marks.lines[last - 1:last])[0])
        return self._opens(data, begin, begin, close)

    def _closing(self, data: bytes, inner: int, quotes: Offsets) -> int:
        """The offset of the quote that closes the value at `inner`; -1 if there is none."""
        number, width = int(np.searchsorted(quotes, inner)), len(self.quote)
        while number < len(quotes):
            quote = int(quotes[number])
            if self.escape == self.quote:
                if number + 1 == len(quotes) or quotes[number + 1] != quote + width:
                    return quote
                number += 2
            elif self._escaped(data, inner, quote):
                number += 1
            else:
                return quote
        return -1

    def _escaped(self, data: bytes, inner: int, quote: int) -> bool:
        """Whether the quote is escaped: by an escape that isn't escaped itself."""
        count, width = 0, len(self.escape)
        while self.escape and quote - width >= inner and data.startswith(self.escape, quote - width):
            quote -= width
            count += 1
        return count % 2 == 1

    def _unescaped(self, text: bytes) -> bytes:
        if not self.escape:
            return text
        pattern = re.escape(self.escape) + b"(" + re.escape(self.quote) + b"|" + re.escape(self.escape) + b")"
        return re.sub(pattern, lambda match: match[1], text)

    def _past_blanks(self, data: bytes, offset: int) -> int:
        while offset < len(data) and self._is_blank(data, offset):
            offset += 1
        return offset

    def _is_blank(self, data: bytes, offset: int) -> bool:
        """Whether there is a blank that isn't part of a separator or line end."""
        return data[offset] < 33 and not data.startswith(self.separator, offset) and not self._ends_line(data, offset)

    def _ends_line(self, data: bytes, offset: int) -> bool:
        return data.startswith(self.line_end or (b"\n", b"\r"), offset)


def _offsets(data: bytes, array: NDArray[np.uint8], text: bytes) -> Offsets:
    """The offsets of `text`, from the left, without overlap."""
    if len(text) == 1:
        return np.flatnonzero(array == text[0])
    return np.array([match.start() for match in re.finditer(re.escape(text), data)], np.int64)
