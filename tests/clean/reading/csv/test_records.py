"""The bounds of CSV records: what Python's csv writes is split into exactly its records, in any pieces."""

from __future__ import annotations

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laketrain.clean.reading.csv import survey
from laketrain.clean.reading.csv.records import Cut, Grammar
from laketrain.clean.reading.csv.slices import cuts, utf8
from laketrain.clean.reading.ranges import Range
from laketrain.config.sources.dialect import Dialect
from laketrain.lake.stores.local import LocalStore

TEXT = st.text(st.sampled_from('"",;\n\r ab#\\\té中\ufffd'), max_size=8)
ROWS = st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=12)
WRITTEN = st.sampled_from([
    (Dialect(), {}), (Dialect(), {"quoting": csv.QUOTE_ALL}), (Dialect(separator=";"), {"delimiter": ";"}),
    (Dialect(quote="'", escape="'"), {"quotechar": "'", "quoting": csv.QUOTE_ALL}),
    (Dialect(escape="\\"), {"doublequote": False, "escapechar": "\\", "quoting": csv.QUOTE_ALL}),
])
NOISE = st.lists(st.sampled_from([b'"', b'"', b",", b"\n", b"\r\n", b"a", b" ", b"\\", b"#"]),
                 max_size=60).map(b"".join)
DIALECTS = st.sampled_from([Dialect(), Dialect(escape="\\"), Dialect(comment="#"), Dialect(skip_leading=True),
                            Dialect(line_end="\n"), Dialect(escape=""), Dialect(quote="", escape="")])


class OneByOne(Grammar):
    """Reads every record quote by quote."""

    def _at_once(self, *_: object) -> bool:
        return False


def written(rows: list[list[str]], **how: object) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, **how).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


def records(cuts: list[Cut]) -> list[tuple[bytes, str | None]]:
    return [(text, cut.problems.get(number)) for cut in cuts for number, text in enumerate(cut.texts())]


@given(ROWS, WRITTEN)
def test_what_python_writes_is_cut_into_its_records(rows: list[list[str]], how: tuple[Dialect, dict[str, object]]):
    grammar = Grammar.of(how[0])
    cut = grammar.cut(written(rows, **how[1]), final=True)
    assert not cut.problems
    assert [[cell.decode() for cell in grammar.cells(text)] for text in cut.texts()] == rows


@given(NOISE, DIALECTS, st.integers(1, 9))
def test_records_do_not_depend_on_how_the_text_is_split(data: bytes, dialect: Dialect, size: int):
    grammar = Grammar.of(dialect)
    slowly = OneByOne(**vars(grammar))
    expected = records([slowly.cut(data, final=True)])
    assert records([grammar.cut(data, final=True)]) == expected
    pieces = (data[start:start + size] for start in range(0, len(data), size))
    assert records(list(cuts(pieces, grammar))) == expected


@settings(max_examples=60)
@given(NOISE, DIALECTS, st.integers(3, 20))
def test_a_file_that_several_tasks_read_has_the_same_records(
        tmp_path_factory: pytest.TempPathFactory, data: bytes, dialect: Dialect, size: int):
    path = tmp_path_factory.getbasetemp() / "a.csv"
    path.write_bytes(data)
    store, grammar = LocalStore(str(path.parent)), Grammar.of(dialect)
    ranges = [Range("a.csv", "a.csv", start, min(start + size, len(data)), False)
              for start in range(0, len(data), size)] or [Range("a.csv", "a.csv", 0, 0, False)]
    looks = [survey.survey_range(io.BytesIO(data), part, grammar) for part in ranges]
    result = survey.combine(store, ranges, looks, grammar)
    whole = grammar.cut(data, final=True)
    parts = [grammar.cut(data[start:stop], final=True) for start, stop in result.ranges]
    assert records(parts) == records([whole])
    assert result.plain == whole.plain
    assert not result.plain or result.rows == len(whole)
    assert all(stop == start for (_, stop), (start, _) in pairwise(result.ranges))


@pytest.mark.parametrize(("text", "expected"), [
    ('1,"open\n2,b\n3,c\n', [('1,"open', True), ("2,b", False), ("3,c", False)]),
    ('1,"open\n2,b\n3,"c"\n', [('1,"open', True), ("2,b", False), ('3,"c"', False)]),
    ('1,"a\nb","open\n2,b\n3,"c"\n', [('1,"a\nb","open', True), ("2,b", False), ('3,"c"', False)]),
    ('1,"first\nsecond" half,b\n2,c\n', [('1,"first\nsecond" half,b', True), ("2,c", False)]),
    ('1,"a"b,"c\nd"\n2,c\n', [('1,"a"b,"c\nd"', True), ("2,c", False)]),
    ('1,5" pipe\n2,12"\n"",""\n"a" ,b\n',
     [('1,5" pipe', False), ('2,12"', False), ('"",""', False), ('"a" ,b', False)]),
], ids=["never closed", "closed by a later value's", "after a line end", "text after it", "and a line end", "fine"])
def test_an_open_quote_refuses_its_record_and_no_other(text: str, expected: list[tuple[str, bool]]):
    result = records([Grammar.of(Dialect()).cut(text.encode(), final=True)])
    assert [(record.decode(), problem is not None) for record, problem in result] == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "windows-1252", "gb18030"])
def test_a_text_is_converted_to_utf_8_in_pieces_and_invalid_bytes_are_kept(encoding: str):
    text = 'id,"x\ny"\n1,é\n'
    data = text.encode(encoding)
    assert b"".join(utf8((data[at:at + 1] for at in range(len(data))), encoding)).decode() == text
    if encoding == "windows-1252":
        with pytest.raises(UnicodeDecodeError):
            b"".join(utf8([b"a\x81b"], encoding)).decode()


@pytest.mark.parametrize(("options", "message"), [
    ({"quote": "''"}, "received quote: \"''\", expected one character"),
    ({"sep": ""}, "received sep: '', expected one character or more"),
    ({"lineSep": "abc"}, "received lineSep: 'abc', expected one or two"),
    ({"header": 1}, "received header: 1, expected true or false"),
    ({"unescapedQuoteHandling": "SKIP_VALUE"}, "text follows a closing quote is never read"),
    ({"escape": "\\", "charToEscapeQuoteEscaping": "|"}, "received charToEscapeQuoteEscaping"),
])
def test_invalid_options_are_refused(options: dict[str, object], message: str):
    with pytest.raises(ValueError) as caught:
        Dialect.of(options)
    assert message in str(caught.value)


def test_options_have_the_names_of_spark():
    assert Dialect.of({"Delimiter": "\\t", "quote": "'", "HEADER": "true"}) == Dialect(
        header=True, separator="\t", quote="'", escape="'")
    assert Dialect.of({"escape": "\\", "quote": "\0", "sep": "||"}) == Dialect(
        separator="||", quote="", escape="\\")
