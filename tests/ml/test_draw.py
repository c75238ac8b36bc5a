"""Without a declared split, the estimator draws validation rows of all kinds, and the same ones every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ml.frames import estimator_for, frame_of, rows_of
from tests.tables import rows_of as rows_in

from laketrain.errors import DataError
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.ml.data import dataset_of
from laketrain.ml.settings import to_workload

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow
ONE_HOT = {"x": {"kind": "vector", "column": "x", "size": 4, "scale": "none"}, "label": {"kind": "label", "classes": 2}}
NUMBER = {"x": {"kind": "number", "column": "x", "scale": "none"}, "label": {"kind": "label", "classes": 2}}


def converted(lake: Path, frame: DataFrame, **settings: Any) -> Version:
    """The dataset that a fit would train on."""
    estimator = estimator_for(lake, **{"validationFraction": 0.1, "ranks": 1, **settings})
    return dataset_of(frame, to_workload(estimator, frame.columns, "local[2]"))


def inputs_of(version: Version) -> dict[str, Counter[Any]]:
    """How many rows each split has of each input."""
    dataset = Dataset(version)
    return {split: Counter(tuple(row.reshape(-1).tolist()) for row in dataset.sample(split, rows)["x"])
            for split, rows in dataset.splits.items()}


def kinds(spark: SparkSession, rows: int, kinds: int) -> DataFrame:
    values = [(float(row % kinds), float(row % 2)) for row in range(rows)]
    return spark.createDataFrame(values, "x double, label double")


def test_four_one_hot_inputs_are_in_training_and_in_validation(spark: SparkSession, tmp_path: Path) -> None:
    frame = spark.createDataFrame([([float(k == row % 4) for k in range(4)], float(row % 2)) for row in range(120)],
                                  "x array<double>, label double")
    result = inputs_of(converted(tmp_path, frame, features=ONE_HOT))
    assert {split: sorted(own.values()) for split, own in result.items()} == {"train": [27] * 4, "val": [3] * 4}


def test_numbers_of_few_values_are_drawn_by_row_however_spark_partitions_the_frame(spark: SparkSession,
                                                                                tmp_path: Path) -> None:
    def drawn(frame: DataFrame, name: str) -> list[tuple[Any, ...]]:
        table = converted(tmp_path, frame, features=NUMBER, name=name).entry.parents[f"integrated/{name}"]
        return sorted(tuple(row.values()) for row in rows_in(Lake(tmp_path).table("integrated", name).get(table)))

    frame = kinds(spark, 90, 3)
    assert drawn(frame, "one") == drawn(frame.repartition(7), "other")
    assert inputs_of(Lake(tmp_path).version("features/one@1")) == inputs_of(Lake(tmp_path).version("features/other@1"))
    assert {split: len(own) for split, own in inputs_of(Lake(tmp_path).version("features/one@1")).items()} == {
        "train": 3, "val": 3}


@pytest.mark.parametrize(("rows", "values", "val"), [(50, 1, 4), (30, 30, 3), (6, 2, 1)])
def test_constant_two_valued_and_few_inputs_leave_no_split_empty(spark: SparkSession, tmp_path: Path, rows: int,
                                                                 values: int, val: int) -> None:
    """A constant input with two labels is two values of 25 rows, each of which gives 2 to validation."""
    splits = Dataset(converted(tmp_path, kinds(spark, rows, values), features=NUMBER)).splits
    assert splits == {"train": rows - val, "val": val}


def test_a_single_row_is_refused_with_a_next_step(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has 1 rows, expected one at least for each of train, val.*Fraction=0"):
        converted(tmp_path, kinds(spark, 1, 1), features=NUMBER)
    assert Lake(tmp_path).table("integrated", "ml").versions() == []


def test_identical_images_stay_together_if_there_are_many(spark: SparkSession, tmp_path: Path) -> None:
    """Each of 60 images twice: with a fifth for validation that is enough to draw by value."""
    version = converted(tmp_path, frame_of(spark, rows_of(60) * 2), validationFraction=0.2)
    dataset = Dataset(version)
    train, val = ({row.tobytes() for row in dataset.sample(split, 120)["image"]} for split in ("train", "val"))
    assert len(train) + len(val) == 60 and not train & val
    assert "laketrain_alike" not in rows_in(Lake(tmp_path).version("integrated/ml@1"))[0]
