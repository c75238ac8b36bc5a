"""One task of convert, without Spark: from batches to a file for each split, in row groups of a configured size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.convert.writer import QUARANTINE, TaskResult, WriteTask, part_of, write_partition
from laketrain.features import FeatureSet
from laketrain.lake import Lake
from laketrain.spark.frames import SPLIT

FEATURES = FeatureSet.model_validate({"image": {"kind": "image", "column": "pixels", "shape": [2, 2, 1]},
                                      "label": {"kind": "label", "classes": 3}, "name": {"kind": "key"}})

TRAIN, TEST = part_of("train", 0), part_of("test", 0)
TYPES = {"pixels": pa.list_(pa.int32()), "label": pa.int32(), "name": pa.string(), SPLIT: pa.int32()}


def batch_of(numbers: range, **changed: Any) -> pa.RecordBatch:
    """Row n has n in its pixels, label n % 3, split n % 2; `changed` replaces whole columns."""
    columns = {"pixels": [[number % 256] * 4 for number in numbers], "label": [number % 3 for number in numbers],
               "name": [f"row {number}" for number in numbers], SPLIT: [number % 2 for number in numbers]} | changed
    return pa.record_batch([pa.array(columns[name], kind) for name, kind in TYPES.items()], names=list(TYPES))


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def run(lake: Lake, *batches: pa.RecordBatch, rows_per_group: int = 4) -> TaskResult:
    task = WriteTask(lake.url, "features/d/data/x", FEATURES.to_json(), ("pixels", "label", "name"), ("train", "test"),
                     "train", rows_per_group, "clean/digits@1", {-1: ("split", "is in no split")})
    [answer] = list(write_partition(task, iter(batches)))
    assert answer.column("partition").to_pylist() == [0]
    return TaskResult.from_json(answer.column("result")[0].as_py())


def stored(lake: Lake, result: TaskResult, name: str) -> pq.ParquetFile:
    return pq.ParquetFile(lake.store.local(result.files[name].path))


@pytest.mark.parametrize("sizes", [[23], [1] * 23, [10, 13], [0, 22, 1], [4, 4, 4, 4, 4, 3]])
def test_row_groups_have_the_configured_size_for_any_batches(lake: Lake, sizes: list[int]):
    starts = np.cumsum([0, *sizes])
    result = run(lake, *(batch_of(range(int(start), int(start) + size))
                         for start, size in zip(starts, sizes, strict=False)))
    assert (result.files[TRAIN].row_groups, result.files[TEST].row_groups) == ([4, 4, 4], [4, 4, 3])
    for split, first in ((TRAIN, 0), (TEST, 1)):
        file = stored(lake, result, split)
        groups = [file.metadata.row_group(index).num_rows for index in range(file.metadata.num_row_groups)]
        assert groups == result.files[split].row_groups
        assert result.files[split].bytes == Path(lake.store.local(result.files[split].path) or "").stat().st_size
        tensors = FEATURES.tensors(file.read())
        assert tensors["name"].tolist() == [f"row {number}" for number in range(first, 23, 2)]
        assert tensors["image"][:, 0, 0, 0].tolist() == list(range(first, 23, 2))


def test_invalid_rows_are_quarantined_with_the_reason_and_without_internal_columns(lake: Lake):
    pixels = [[1, 2, 3, 4], [1, 2, 3], [1, 2, 3, 400], [1, None, 3, 4], [0] * 4, [0] * 4]
    result = run(lake, batch_of(range(6), pixels=pixels, label=[0, 1, 2, 0, None, 3]))
    assert result.reasons == {"feature(image)": 3, "feature(label)": 2}
    rows = stored(lake, result, QUARANTINE).read().to_pylist()
    assert [(row["rule"], row["reason"]) for row in rows] == [
        ("feature(image)", "image has 3 values, expected 4 = 2×2×1"),
        ("feature(image)", "image has a value outside 0..255"),
        ("feature(image)", "image has a null among its values"),
        ("feature(label)", "label is null"),
        ("feature(label)", "label is class 3, expected 0..2")]
    assert {row["file"] for row in rows} == {"clean/digits@1"}
    assert json.loads(rows[0]["record"]) == {"pixels": [1, 2, 3], "label": 1, "name": "row 1"}
    assert {name: file.rows for name, file in result.files.items()} == {TRAIN: 1, QUARANTINE: 5}


def test_a_row_with_two_errors_is_counted_once(lake: Lake):
    result = run(lake, batch_of(range(1), pixels=[[1]], label=[None]))
    assert result.reasons == {"feature(image)": 1}
    [row] = stored(lake, result, QUARANTINE).read().to_pylist()
    assert row["reason"] == "image has 1 values, expected 4 = 2×2×1; label is null"


def test_only_good_rows_of_the_train_split_are_tallied(lake: Lake):
    result = run(lake, batch_of(range(6), label=[0, 1, 2, 1, 9, 1]))
    assert {label: rows for label, rows in result.tallies["label"].items() if rows} == {"0": 1, "2": 1}
    assert result.tallies["image"] == {"count": 8, "total": 4 * (0 + 2), "squares": 4 * 4}


def test_a_partition_without_rows_writes_nothing(lake: Lake):
    assert run(lake) == TaskResult()
    assert run(lake, batch_of(range(0))).files == {}
    assert lake.store.list("features", recursive=True) == []


def test_two_attempts_never_write_to_one_file(lake: Lake):
    first, second = (run(lake, batch_of(range(4))) for _ in range(2))
    assert not {file.path for file in first.files.values()} & {file.path for file in second.files.values()}
    assert all("/_attempts/" in file.path for file in first.files.values())
