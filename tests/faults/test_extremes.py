"""Sources of odd sizes: a thousand tiny files, one that holds nearly all, none at all, one row, ever more of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.errors import DataError
from laketrain.feed.dataset import Dataset

from ..road import Quiet
from ..tables import csv_of, land_files, rows_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.pipeline import Pipeline

pytestmark = pytest.mark.slow

CONFIG = """\
name: rows
lake: lake
sources:
  rows: {format: FORMAT, path: landing, schema: {name: string, value: double, label: int}, MORE}
clean:
  rows: {rules: [{not_null: {columns: [name]}}]}
convert:
  table: rows
  features:
    value: {kind: number}
    label: {kind: label, classes: 3}
    name: {kind: key}
  split: {by: name, fractions: {train: 0.6, test: 0.4}}
"""
TINY = 1000


@pytest.fixture
def pipeline(spark: SparkSession, tmp_path: Path) -> Callable[..., Pipeline]:
    """A pipeline over the files of `tmp_path`/landing."""
    from laketrain.pipeline import Pipeline

    def of(form: str, more: str = "drift: {}") -> Pipeline:
        (tmp_path / "rows.yaml").write_text(CONFIG.replace("FORMAT", form).replace("MORE", more), "utf-8")
        return Pipeline(tmp_path / "rows.yaml", listener=Quiet(), spark=spark)

    return of


def row(number: int) -> dict[str, Any]:
    return {"name": f"n{number}", "value": number / 8, "label": number % 3}


def parquet_of(first: int, count: int, **options: Any) -> bytes:
    content = pa.BufferOutputStream()
    schema = pa.schema([("name", pa.string()), ("value", pa.float64()), ("label", pa.int32())])
    rows = [row(number) for number in range(first, first + count)]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), content, **options)
    return content.getvalue().to_pybytes()


def csv_rows(first: int, count: int) -> str:
    return csv_of([{key: str(value) for key, value in row(number).items()} for number in range(first, first + count)])


def names_fed(dataset: Dataset) -> list[str]:
    """Of all splits, sorted; each row's label and value are those of its name."""
    names: list[str] = []
    for split, rows in dataset.splits.items():
        with dataset.reader(split, ["name", "label"]) as reader:
            sample = reader.read(np.arange(rows))
        assert [int(name[1:]) % 3 for name in sample["name"]] == sample["label"].tolist()
        names += sample["name"].tolist()
    return sorted(names)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_thousand_tiny_files_are_one_small_dataset(
        pipeline: Callable[..., Pipeline], tmp_path: Path, form: str) -> None:
    if form == "csv":
        files = {f"{number % 7}/{number}.csv": csv_rows(2 * number, 2).encode() for number in range(TINY)}
    else:
        files = {f"{number % 7}/{number}.parquet": parquet_of(2 * number, 2) for number in range(TINY)}
    land_files(tmp_path / "landing", files)
    made = pipeline(form, "options: {header: true}" if form == "csv" else "drift: {}")
    assert made.ingest()["rows"].entry.counts["files"] == TINY
    cleaned = made.clean()["rows"]
    assert cleaned.entry.counts["out"] == cleaned.rows == 2 * TINY
    # What was a thousand files is a few, so that no later stage pays for them again.
    assert len(cleaned.entry.files) < 50
    dataset = made.convert()
    assert names_fed(dataset) == sorted(f"n{number}" for number in range(2 * TINY))
    assert len([file for file in dataset.version.entry.files if file.path.endswith(".parquet")]) <= 4


@pytest.mark.parametrize("shuffle", ["true", "false"])
def test_rows_that_nearly_all_lie_in_one_file_are_shared_out_evenly(
        pipeline: Callable[..., Pipeline], tmp_path: Path, shuffle: str) -> None:
    small = {f"small-{number}.parquet": parquet_of(95_000 + 100 * number, 100) for number in range(50)}
    land_files(tmp_path / "landing", {"big.parquet": parquet_of(0, 95_000, row_group_size=5000), **small})
    made = pipeline("parquet")
    made.ingest()
    assert made.clean()["rows"].rows == 100_000
    dataset = _converted(made, row_group_mb=0.01, file_mb=0.2, shuffle=shuffle)
    assert names_fed(dataset) == sorted(f"n{number}" for number in range(100_000))
    if shuffle == "true":
        written = _rows_of_tasks(dataset)
        assert len(written) >= 8
        assert max(written) <= 2 * np.median(written)


def _converted(made: Pipeline, **settings: Any) -> Dataset:
    from laketrain.pipeline import Pipeline

    sets = [f"convert.{key}={value}" for key, value in settings.items()]
    return Pipeline(made.workload.source, sets, listener=Quiet(), spark=made.spark).convert()


def _rows_of_tasks(dataset: Dataset) -> list[int]:
    """How many rows each task of convert wrote: files of all splits, in the order of the tasks."""
    splits = [[file.rows or 0 for file in dataset.files(split)] for split in dataset.splits]
    return [sum(rows) for rows in zip(*splits, strict=True)]


def test_a_source_without_files_is_an_error_unless_it_may_be_empty(
        pipeline: Callable[..., Pipeline], tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    with pytest.raises(DataError, match="no file matches .*landing.*empty: ok"):
        pipeline("csv").ingest()
    made = pipeline("csv", "empty: ok")
    assert made.ingest()["rows"].entry.counts["files"] == 0
    assert made.clean()["rows"].entry.counts == {"in": 0, "out": 0, "quarantined": 0, "reasons": {}}
    with pytest.raises(DataError, match="got 0 rows in train, test"):
        made.convert()
    assert made.lake.table("features", "rows").latest() is None


def test_a_source_that_grows_is_landed_and_converted_by_and_by(
        pipeline: Callable[..., Pipeline], tmp_path: Path) -> None:
    seen: list[tuple[int, int, int]] = []
    for day, count in enumerate((40, 1, 200)):
        land_files(tmp_path / "landing", {f"{day}.csv": csv_rows(1000 * day, count)})
        result = pipeline("csv", "options: {header: true}, incremental: true").run(last="convert")
        raw, cleaned, dataset = (outcome.version for outcome in result.outcomes)
        seen.append((raw.entry.counts["files"], cleaned.rows, Dataset(dataset).version.entry.counts["out"]))
        assert (raw.number, cleaned.number, dataset.number) == (day + 1,) * 3
    assert seen == [(1, 40, 40), (1, 41, 41), (1, 241, 241)]
    assert names_fed(Dataset(dataset)) == sorted(
        f"n{1000 * day + number}" for day, count in enumerate((40, 1, 200)) for number in range(count))
    again = pipeline("csv", "options: {header: true}, incremental: true").run(last="convert")
    assert not again.changed
    assert [outcome.version.number for outcome in again.outcomes] == [3, 3, 3]


def test_one_row_is_cleaned_and_is_too_little_for_splits(pipeline: Callable[..., Pipeline], tmp_path: Path) -> None:
    land_files(tmp_path / "landing", {"one.csv": csv_rows(7, 1)})
    made = pipeline("csv", "options: {header: true}")
    made.ingest()
    assert rows_of(made.clean()["rows"]) == [row(7)]
    with pytest.raises(DataError, match=r"got 0 rows in (train|test) \(all: "):
        made.convert()


def test_one_row_of_all_is_a_split(pipeline: Callable[..., Pipeline], tmp_path: Path) -> None:
    land_files(tmp_path / "landing", {"few.csv": csv_rows(0, 4)})
    made = pipeline("csv", "options: {header: true}")
    made.ingest()
    made.clean()
    split = "{by_column: {column: label, values: {train: [0, 1], test: [2]}}}"
    dataset = _converted(made, split=split)
    assert dataset.splits == {"train": 3, "test": 1}
    with dataset.feed("test", batch=16) as feed:
        [(inputs, _, weights, real)] = feed.batches()
    assert int(real) == 1 and np.asarray(weights).sum() == 1
    assert inputs is not None
