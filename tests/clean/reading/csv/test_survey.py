"""A survey of byte ranges determines where records start, so that several tasks can read a file."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laketrain.clean.reading.csv import survey
from laketrain.clean.reading.csv.records import Grammar
from laketrain.clean.reading.ranges import Range
from laketrain.config.sources.dialect import Dialect
from laketrain.lake.stores.local import LocalStore

from .record_bytes import DIALECTS, NOISE, records


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
