"""Rows read directly from the table's files equal those that Spark reads."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.errors import DataError
from laketrain.integrate.stage import read_version
from laketrain.lake import Lake
from laketrain.spark.direct_read import DirectReader, row_refs, supports_direct_read
from laketrain.spark.frames import SPLIT

from ..tables import commit_table

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SIZES = {"a b.parquet": 23, "c.parquet": 1, "ä.parquet": 60}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Three files under t/, each row with its file's name and its own number."""
    folder = tmp_path_factory.mktemp("a lake")
    (folder / "t").mkdir()
    for name, rows in SIZES.items():
        table = pa.table({"other": [0.5] * rows, "number": np.arange(rows), "name": [name] * rows,
                          "pixels": [[row, row + 1] for row in range(rows)]})
        pq.write_table(table, folder / "t" / name, row_group_size=7)
    return Lake(folder)


def refs_to(places: list[tuple[str, int]], batch: int) -> list[pa.RecordBatch]:
    columns = [pa.array([f"file:///some/where/{quote(name)}" for name, _ in places], pa.string()),
               pa.array([row for _, row in places], pa.int64()),
               pa.array([number % 3 for number in range(len(places))], pa.int32())]
    return pa.table(columns, names=["file", "row", SPLIT]).to_batches(batch)


anywhere = st.sampled_from([(name, row) for name, rows in SIZES.items() for row in range(rows)])
runs = st.tuples(anywhere, st.integers(1, 40)).map(
    lambda found: [(found[0][0], row) for row in range(found[0][1], min(found[0][1] + found[1], SIZES[found[0][0]]))])


@given(st.lists(runs, max_size=5).map(lambda parts: list(chain(*parts))), st.integers(1, 30))
def test_rows_are_read_in_the_order_of_their_references(
        lake: Lake, places: list[tuple[str, int]], batch: int) -> None:
    with DirectReader(lake.store, "t", ("name", "number", "pixels")) as reader:
        result = [row for refs in refs_to(places, batch) for part in reader.read(refs) for row in part.to_pylist()]
    assert result == [{"name": name, "number": row, "pixels": [row, row + 1], SPLIT: number % 3}
                     for number, (name, row) in enumerate(places)]


@pytest.mark.parametrize(("damage", "message"), [
    (lambda content: content[:len(content) // 2], "can't be opened"),
    (lambda content: content[:4] + b"\xff" * 200 + content[204:], "can't be read"),
    (lambda content: b"", "can't be opened"),
])
def test_a_damaged_file_is_named(tmp_path: Path, damage: Any, message: str) -> None:
    (tmp_path / "t").mkdir()
    path = tmp_path / "t" / "x.parquet"
    pq.write_table(pa.table({"pixels": [bytes(range(200))] * 9}), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=rf"t/x\.parquet: {message}"), DirectReader(
            Lake(tmp_path).store, "t", ("pixels",)) as reader:
        list(reader.read(refs_to([("x.parquet", row) for row in range(9)], 9)[0]))


def test_rows_beyond_the_end_of_a_file_are_an_error(lake: Lake) -> None:
    with pytest.raises(DataError, match=r"t/c\.parquet: ends before its rows do"), DirectReader(
            lake.store, "t", ("name",)) as reader:
        list(reader.read(refs_to([("c.parquet", 0), ("c.parquet", 1)], 2)[0]))


@pytest.mark.parametrize(("kind", "same"), [
    ("binary", True), ("array<array<int>>", True), ("string", True), ("timestamp", False), ("decimal(9,2)", False),
    ("struct<x: int>", False), ("array<date>", False)])
def test_only_types_that_spark_and_pyarrow_read_equally_are_supported(
        spark: SparkSession, tmp_path: Path, kind: str, same: bool) -> None:
    table = commit_table(Lake(tmp_path), "t", [], f"id int, x {kind}, `a.b` int")
    rows = read_version(spark, table)
    files = [file.path for file in table.entry.files]
    assert supports_direct_read(rows, ["id", "x"], files) == same
    assert not supports_direct_read(rows, ["id", "a.b"], files)
    assert not supports_direct_read(rows, ["id"], ["folder/a.parquet"])


@pytest.mark.slow
def test_referenced_rows_equal_those_that_spark_reads(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "a lake")
    rows = [{"id": number, "pixels": bytes([number])} for number in range(50)]
    table = commit_table(lake, "t", rows, "id int, pixels binary", files=3)
    frame = read_version(spark, table).selectExpr("*", f"id % 2 AS {SPLIT}")
    result = []
    with DirectReader(lake.store, table.path(), ("id", "pixels")) as reader:
        for row in row_refs(frame).collect():
            refs = pa.RecordBatch.from_pylist([row.asDict()])
            result += [row for part in reader.read(refs) for row in part.to_pylist()]
    assert sorted(result, key=lambda row: row["id"]) == [{**row, SPLIT: row["id"] % 2} for row in rows]
