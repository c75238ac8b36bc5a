"""Every type of Arrow and Parquet, through a declared schema and through `infer`, alone and within others: read exactly
or refused, with column, type and what helps. What they are to be read as stands in tools/type_reference.py."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.config.sources import FileSource
from laketrain.errors import DataError
from type_reference import KINDS, Kind

from ....tables import clean_files, ingest_files, source_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Read = Callable[..., tuple[dict[str, str], list[dict[str, Any]]]]


@pytest.fixture
def read(spark: SparkSession, tmp_path: Path) -> Read:
    """Lands one file and reads it back: the types that were taken, and the rows."""
    from laketrain.clean.reading import SETTINGS, open_raw
    from laketrain.spark.errors import translate_spark_errors
    from laketrain.spark.frames import configured

    def read_back(content: bytes, schema: Mapping[str, str] | str, form: str = "parquet", **more: Any) -> Any:
        source = FileSource.model_validate({"format": form, "path": str(tmp_path / "landing"), "schema": schema,
                                            **more})
        raw = ingest_files(tmp_path, {"a b": content}, source)
        with translate_spark_errors("clean", "table 'table'"), configured(spark, SETTINGS):
            reading = open_raw(spark, raw, source)
            rows = reading.frame.drop("_record").toArrow().to_pylist()
            assert reading.count() == len(rows)
        return {field.name: field.dataType.simpleString() for field in reading.pinned}, rows

    return read_back


def alone(kind: Kind, array: pa.Array) -> tuple[pa.Field, pa.Array]:
    return kind.field.with_type(array.type), array


def within(kind: Kind, array: pa.Array) -> tuple[pa.Field, pa.Array]:
    """In a list, in a map, and by itself, each in a struct."""
    inner, offsets = kind.field.with_type(array.type), pa.array(range(len(array) + 1), pa.int32())
    a_list = pa.ListArray.from_arrays(offsets, array).cast(pa.list_(inner.with_name("element")))
    a_map = pa.MapArray.from_arrays(offsets, pa.array(["k"] * len(array)), array)
    a_map = a_map.cast(pa.map_(pa.string(), inner.with_name("value")))
    fields = [pa.field("l", a_list.type), pa.field("m", a_map.type), inner.with_name("a b")]
    held = pa.StructArray.from_arrays([a_list, a_map, array], fields=fields)
    return pa.field("x", held.type), held


FORMS: Mapping[str, tuple[Callable[..., Any], str, Callable[[Any], Any]]] = {
    "alone": (alone, "{}", lambda value: value),
    "within": (within, "struct<l:array<{0}>,m:map<string,{0}>,`a b`:{0}>",
               lambda value: {"l": [value], "m": [("k", value)], "a b": value}),
}
"""How a column is made of a kind's values, its type, and what is read of a value."""


def parquet(columns: Iterable[tuple[pa.Field, pa.Array]]) -> bytes:
    fields, arrays = zip(*columns, strict=True)
    named = [field.with_name(f"c{number}") for number, field in enumerate(fields)]
    content = io.BytesIO()
    pq.write_table(pa.table(list(arrays), schema=pa.schema(named)), content)
    return content.getvalue()


def writable(kind: Kind) -> bool:
    try:
        parquet([alone(kind, kind.array())])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


IN_FILES = [kind for kind in KINDS if not kind.logical and kind.stored_type.inferred is not None and writable(kind)]
BY_SPARK = [kind for kind in IN_FILES if kind.stored_type.readers(kind.stored_type.inferred) == {"spark"}]


def test_what_no_file_can_hold_needs_no_reader():
    without = {kind.name for kind in KINDS if not kind.logical and not writable(kind)}
    unread = {kind.name for kind in KINDS if not kind.logical and kind.stored_type.form == "value"
              and not kind.stored_type.read_types and not kind.stored_type.empty}
    later = {"halffloat", "run_end_encoded<run_ends: int32, values: int64>"}
    assert without - later == unread


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [BY_SPARK, IN_FILES], ids=["by Spark", "through pyarrow"])
def test_each_type_is_inferred_and_read_exactly_alone_and_within_others(read: Read, kinds: Sequence[Kind]):
    rows = max(len(kind.values) for kind in kinds)
    filled = {kind.name: ([*kind.values] * rows, [*kind.expected[:-1]] * rows) for kind in kinds}
    columns = [make(kind, kind.array(filled[kind.name][0][:rows])) for make, *_ in FORMS.values() for kind in kinds]
    types, found = read(parquet(columns), "infer")
    cases = [(kind, typed, held) for _, typed, held in FORMS.values() for kind in kinds]
    for number, (kind, typed, held) in enumerate(cases):
        inferred, name = kind.stored_type.inferred, f"c{number}"
        assert inferred is not None
        assert types[name] == typed.format(inferred.simpleString()).replace("`", ""), kind.name
        expected = [*filled[kind.name][1][:rows], None]
        assert [row[name] for row in found] == [held(one) for one in expected], kind.name
    assert {row["_reject"] for row in found} == {None}


@pytest.mark.slow
def test_each_type_is_read_exactly_in_what_else_it_may_be_declared_as(read: Read):
    """Through pyarrow; by Spark are times with a zone and without, which are UTC's."""
    cases = [(kind, declared, values) for kind in IN_FILES for declared, values in kind.also.items()]
    columns = [make(kind, kind.array([*kind.values, *kind.values][:2])) for make, *_ in FORMS.values()
               for kind, *_ in cases]
    wanted = [(typed.format(declared), held, values) for _, typed, held in FORMS.values()
              for _, declared, values in cases]
    schema = {f"c{number}": declared for number, (declared, *_) in enumerate(wanted)}
    _, found = read(parquet(columns), schema)
    for number, (declared, held, values) in enumerate(wanted):
        assert [row[f"c{number}"] for row in found] == [held(one) for one in [*[*values, *values][:2], None]], declared
    by_spark = [number for number, (kind, *_) in enumerate(cases * 2) if kind.stored_type.readers(
        kind.stored_type.read_types[0].kind) == {"spark"} and str(kind.type).startswith("timestamp")]
    _, found = read(parquet(columns), {f"c{number}": wanted[number][0] for number in by_spark})
    for number in by_spark:
        _, held, values = wanted[number]
        assert [row[f"c{number}"] for row in found] == [held(one) for one in [*values, None]]


REFUSING = [kind for kind in IN_FILES if kind.refused is not None]


@pytest.mark.slow
def test_a_row_with_a_value_that_the_type_does_not_hold_is_refused_with_the_value_and_no_other_row_is(
        spark: SparkSession, tmp_path: Path):
    """A row for each such kind, alone and within others, and one more that is good."""
    cases = [(number, kind, form) for number, kind in enumerate(REFUSING) for form in FORMS]
    nothing = [None] * len(cases)
    columns, schema = [(pa.field("id", pa.int64()), pa.array(range(len(cases) + 1)))], {"c0": "bigint"}
    for place, (_, kind, form) in enumerate(cases):
        make, typed, _ = FORMS[form]
        read = next(read for read in kind.stored_type.read_types if kind.refused_as(read.kind))
        columns.append(make(kind, kind.array([*nothing[:place], kind.refused, *nothing[place:-1]])))
        schema[f"c{place + 1}"] = typed.format(read.kind.simpleString())
    cleaned = clean_files(spark, tmp_path, {"a.parquet": parquet(columns)}, columns=schema, form="parquet", options={})
    assert [row["c0"] for row in cleaned.rows] == [len(cases)]
    found = {json.loads(row["record"])["c0"]: row for row in cleaned.refused}
    assert len(found) == len(cleaned.refused) == len(cases)
    for place, (_, kind, _) in enumerate(cases):
        row = found[place]
        assert (row["rule"], row["file"]) == ("readable", "a.parquet")
        assert row["reason"] in {f"has {problem} in 'c{place + 1}'" for problem in kind.problems()}
        assert f"c{place + 1}" in json.loads(row["record"]), "the value, as it came"


UNEXPLAINED = [kind for kind in KINDS if any(part.ambiguous for part in kind.stored_type.walk())]


@pytest.mark.slow
@pytest.mark.parametrize("kind", UNEXPLAINED, ids=lambda kind: kind.name)
def test_what_only_a_declaration_can_explain_is_refused_by_name_and_the_advice_works(
        spark: SparkSession, tmp_path: Path, kind: Kind):
    from laketrain.clean.reading import open_raw

    for make, typed, _ in FORMS.values():
        content = parquet([make(kind, kind.array())])
        raw = ingest_files(tmp_path, {"a": content}, source_of(tmp_path / "landing", {"c0": "string"}, "parquet", {}))
        inferred = FileSource.model_validate({"format": "parquet", "path": "x", "schema": "infer"})
        with pytest.raises(DataError) as caught:
            open_raw(spark, raw, inferred)
        assert "column 'c0' is" in caught.value.problem
        assert kind.stored_type.label in caught.value.problem
        declared = re.search(r"declare it (.+?), to read", caught.value.hint)
        assert declared is not None
        assert declared[1] == typed.format(kind.stored_type.natural.simpleString()).replace("`", "")
        source = source_of(tmp_path / "landing", {"c0": typed.format(kind.stored_type.natural.simpleString())},
                           "parquet", {})
        assert open_raw(spark, raw, source).frame.columns[0] == "c0"


@pytest.mark.parametrize("kind", IN_FILES, ids=lambda kind: kind.name)
def test_another_type_is_refused_and_the_one_that_the_advice_names_is_taken(kind: Kind):
    from pyspark.sql import types as T

    from laketrain.clean.reading.drift import DriftTracker
    from laketrain.config.sources import Drift

    wrong = T.BooleanType() if kind.stored_type.inferred != T.BooleanType() else T.DateType()
    drift = DriftTracker(T.StructType([T.StructField("x", wrong)]), Drift())
    with pytest.raises(DataError) as caught:
        drift.add_file("a.parquet", {"x": kind.stored_type})
    assert caught.value.problem == f"column 'x' is {kind.stored_type.label}, expected {wrong.simpleString()}"
    advised = re.match(r"declare it (.+?), or mend", caught.value.hint)
    assert advised is not None
    for one in advised[1].split(" or "):
        assert one in {read.kind.simpleString() for read in kind.stored_type.read_types} | {
            kind.stored_type.inferred.simpleString() if kind.stored_type.inferred else ""}
