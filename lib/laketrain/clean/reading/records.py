r"""Where the records of a CSV text begin and end, in bytes, and which of them are none.

    cut = Grammar.of(dialect).cut(b'id,text\n1,"two\nlines"\n2,"open\n3,c\n', final=True)
    cut.texts()                 # [b'id,text', b'1,"two\nlines"', b'2,"open', b'3,c']
    cut.problems                # {2: "has a quote that is never closed"}

A value that begins with a quote goes on to the quote that closes it, over line ends and separators. After that one
comes a separator or a line end, else the record is refused, whole. But a quote that nothing closes, or only the quote
with which a value of a later line begins, is one too many: the record is refused up to the end of that quote's line,
and the next line is read as if it had not been there.

Most quotes come in pairs, so a block is judged at once: with an even number of quotes before it a line end ends a
record, as long as each quote that opens is after a separator or a line end, and each that closes before one. Only
records with other quotes are read quote by quote. Both ways find the same.
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
"""Bytes of a record after which a quote that is still open counts as never closed."""
UNCLOSED = "has a quote that is never closed"
TRAILING = "has text after a closing quote"

BLANK = bytes(range(33))
"""What Spark trims: the blank and all that is below it."""
_NO_PLACES: NDArray[np.int64] = np.empty(0, np.int64)
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """A block's records: number i is `data[starts[i]:ends[i]]`, without its line end. Empty lines and comments are
    none.

    Attributes:
        used: where the next record begins. problems: what is wrong, by the number of the record. lines: whether every
            record is a line. blanks: whether one may be of blanks alone.
    """

    data: bytes
    starts: Places
    ends: Places
    used: int
    problems: dict[int, str] = field(default_factory=dict)
    lines: bool = True
    blanks: bool = False

    @property
    def plain(self) -> bool:
        """Whether to read it line by line finds the same records, and all of them."""
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
class _Found:
    """One record: where it ends, where the next one begins, and what is wrong with it."""

    end: int
    after: int
    problem: str | None


class _Marks(NamedTuple):
    """What a block's records are told by.

    Attributes:
        lines: the places of line ends. quotes: those of quotes. before: how many quotes are before each line end.
        odd: the numbers of quotes that are out of place: were those with even numbers the ones that open, or those with
            odd ones. quoting: the numbers of lines in which a value begins with a quote.
    """

    lines: Places
    quotes: Places = _NO_PLACES
    before: Places = _NO_PLACES
    odd: tuple[Places, Places] = (_NO_PLACES, _NO_PLACES)
    quoting: Places = _NO_PLACES

    def in_pairs(self, place: int) -> tuple[Places, bool]:
        """The ends of records from `place` on, where one begins, up to the first one in which a quote is out of place;
        and whether there is one."""
        if not len(self.quotes):
            return self.lines[np.searchsorted(self.lines, place):], False
        first = int(np.searchsorted(self.quotes, place))
        bad = self.odd[first % 2]
        at = int(np.searchsorted(bad, first))
        begin = int(np.searchsorted(self.lines, place))
        end = int(np.searchsorted(self.lines, self.quotes[bad[at]])) if at < len(bad) else len(self.lines)
        even = (self.before[begin:end] - first) % 2 == 0
        return self.lines[begin:end][even], at < len(bad)

    def without_pairs(self, place: int) -> Places:
        """The ends of the lines from `place` on, where a record begins, up to the first one with a value in quotes:
        whatever quotes they have stand for themselves."""
        begin = int(np.searchsorted(self.lines, place))
        at = int(np.searchsorted(self.quoting, begin))
        return self.lines[begin:int(self.quoting[at]) if at < len(self.quoting) else len(self.lines)]


@dataclass(frozen=True)
class Grammar:
    """A dialect in bytes, of UTF-8 or of any encoding in which none of these bytes is a part of another character."""

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
        """The records of `data` from `start` on, where one begins. Unless `final`, the last one may go on beyond
        `data`, and is left."""
        marks = self._marks(data)
        starts, ends, used, count = [_NO_PLACES], [_NO_PLACES], start, 0
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
        found = Cut(data, np.concatenate(starts), np.concatenate(ends), used, problems, not inner)
        return self._without_blank(found)

    def resume(self, data: bytes, final: bool) -> int | None:
        """Where the next record begins, if `data` begins within quotes. None where that can't be told: they aren't
        closed in it, or what follows makes it doubtful that they were open."""
        found = self._one(data, 0, final, self._marks(data), within=True)
        return None if found is None or found.problem else found.after

    def next_line(self, data: bytes) -> int | None:
        """Where the first line begins that doesn't begin at 0; None where there is none, or it may be cut off."""
        lines = self._lines(data, np.frombuffer(data, np.uint8))
        found = self._after(data, lines[:1])
        return int(found[0]) if len(found) and found[0] < len(data) else None

    def cells(self, record: bytes) -> list[bytes]:
        """The values of a record without fault, as they are written but for their quotes."""
        quotes = self._marks(record).quotes
        cells, place = [], 0
        while True:
            begin = self._past_blanks(record, place) if self.skip_leading else place
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
            place = stop + len(self.separator)

    def ends_in_a_bare_quote(self, record: bytes) -> bool:
        """Whether the last byte of a record without fault is a quote that closes nothing."""
        if not record.endswith(self.quote):
            return False
        last = self.cells(record)[-1]
        return last.endswith(self.quote) and (record == last or record.endswith(self.separator + last))

    # ---- A block at once

    def _runs(self, data: bytes, final: bool, start: int, marks: _Marks
              ) -> Iterator[tuple[Places, Places, int, str | None]]:
        """Runs of records: where they begin and end, where the next one begins, what is wrong with a run of one."""
        at_once = self._at_once(data, start, marks)
        place = start
        while place < len(data):
            if at_once:
                ends, more = marks.in_pairs(place)
                if more and not len(ends):
                    ends = marks.without_pairs(place)
                if len(ends):
                    after = self._after(data, ends)
                    yield np.concatenate([[place], after[:-1]]), ends, int(after[-1]), None
                    place = int(after[-1])
                    continue
                if not more and not final and len(data) - place < LIMIT:
                    return
            found = self._one(data, place, final, marks)
            if found is None:
                return
            place, begin = found.after, place
            yield np.array([begin]), np.array([found.end]), found.after, found.problem

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
        quotes = _places(data, array, self.quote)
        ends = list(self.line_end[:1] or b"\r\n")
        behind, ahead = array[np.maximum(quotes - 1, 0)], array[np.minimum(quotes + 1, len(array) - 1)]
        border = np.zeros(256, bool)
        border[[self.separator[0], *ends]] = True
        values = border[behind] | ((behind < 33) if self.skip_leading else False)
        values[0] |= quotes[0] == 0
        # The half of a doubled quote opens again what the other half closed.
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

    def _lines(self, data: bytes, array: NDArray[np.uint8]) -> Places:
        """The places of line ends; of those of two bytes, the first one's."""
        if self.line_end:
            return _places(data, array, self.line_end)
        found = np.flatnonzero(array == 10)
        if b"\r" not in data:
            return found
        alone = found[(found == 0) | (array[np.maximum(found - 1, 0)] != 13)]
        return np.sort(np.concatenate([alone, np.flatnonzero(array == 13)]))

    def _after(self, data: bytes, ends: Places) -> Places:
        """The places after line ends."""
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
        suspects = np.flatnonzero(array[cut.starts] < 33).tolist()
        return replace(cut, blanks=any(not cut.data[cut.starts[at]:cut.ends[at]].strip(BLANK) for at in suspects))

    # ---- Quote by quote

    def _one(self, data: bytes, start: int, final: bool, marks: _Marks, within: bool = False) -> _Found | None:
        """The record at `start`, the first byte of which is `within` quotes; None where it may go on beyond `data`."""
        if self.comment and not within and data.startswith(self.comment, start):
            return self._line(data, start, final, marks, None)
        problem, place, value = None, start, start
        while True:
            quote = start if within else self._opening(data, place, value, marks)
            if quote is None:
                return self._line(data, place, final, marks, problem)
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
            place, within = max(value, after), False

    def _line(self, data: bytes, place: int, final: bool, marks: _Marks, problem: str | None) -> _Found | None:
        """What goes on to the end of the line that `place` is in."""
        number = int(np.searchsorted(marks.lines, place))
        if number < len(marks.lines):
            end = marks.lines[number:number + 1]
            return _Found(int(end[0]), int(self._after(data, end)[0]), problem)
        return _Found(len(data), len(data), problem) if final else None

    def _opening(self, data: bytes, place: int, value: int, marks: _Marks) -> int | None:
        """The next quote that opens a value of the line that `place` is in. `value`: where one begins; -1 where
        `place` is amid one."""
        number = int(np.searchsorted(marks.lines, place))
        end = int(marks.lines[number]) if number < len(marks.lines) else len(data)
        first, last = np.searchsorted(marks.quotes, [place, end])
        return next((quote for quote in marks.quotes[first:last].tolist() if self._opens(data, place, value, quote)),
                    None)

    def _opens(self, data: bytes, place: int, value: int, quote: int) -> bool:
        """Whether a value begins with the `quote`: one begins at `value`, if that isn't -1, and after separators."""
        begin = quote
        while self.skip_leading and begin > place and self._is_blank(data, begin - 1):
            begin -= 1
        if begin == value:
            return True
        found = place
        while (at := data.find(self.separator, found, begin)) >= 0:
            found = at + len(self.separator)
            if found == begin:
                return True
        return False

    def _begins_value(self, data: bytes, quote: int, close: int, marks: _Marks) -> bool:
        """Whether the quote at `close` is one with which a value begins, of a line after that of `quote`."""
        first, last = np.searchsorted(marks.lines, [quote, close])
        if first == last:
            return False
        begin = int(self._after(data, marks.lines[last - 1:last])[0])
        return self._opens(data, begin, begin, close)

    def _closing(self, data: bytes, inner: int, quotes: Places) -> int:
        """The quote that closes what begins at `inner`; -1 where there is none."""
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

    def _past_blanks(self, data: bytes, place: int) -> int:
        while place < len(data) and self._is_blank(data, place):
            place += 1
        return place

    def _is_blank(self, data: bytes, place: int) -> bool:
        """Whether there is a blank that is neither a separator's nor a line end's."""
        return data[place] < 33 and not data.startswith(self.separator, place) and not self._ends_line(data, place)

    def _ends_line(self, data: bytes, place: int) -> bool:
        return data.startswith(self.line_end or (b"\n", b"\r"), place)


def _places(data: bytes, array: NDArray[np.uint8], text: bytes) -> Places:
    """Where `text` is found, from the left, without overlap."""
    if len(text) == 1:
        return np.flatnonzero(array == text[0])
    return np.array([match.start() for match in re.finditer(re.escape(text), data)], np.int64)
