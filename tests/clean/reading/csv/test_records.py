"""The bounds of CSV records: what Python's csv writes is split into exactly its records, in any pieces."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.csv.records import Grammar
from laketrain.clean.reading.csv.slices import cuts
from laketrain.config.sources.dialect import Dialect

from .record_bytes import DIALECTS, NOISE, TEXT, records, written

ROWS = st.lists(st.lists(TEXT, min_size=2, max_size=2), min_size=1, max_size=12)
WRITTEN = st.sampled_from([
    (Dialect(), {}), (Dialect(), {"quoting": csv.QUOTE_ALL}), (Dialect(separator=";"), {"delimiter": ";"}),
    (Dialect(quote="'", escape="'"), {"quotechar": "'", "quoting": csv.QUOTE_ALL}),
    (Dialect(escape="\\"), {"doublequote": False, "escapechar": "\\", "quoting": csv.QUOTE_ALL}),
])


class OneByOne(Grammar):
    """Reads every record quote by quote."""

    def _at_once(self, *_: object) -> bool:
        return False


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
