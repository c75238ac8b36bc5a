"""DataFrames of tiny images, and an estimator that learns them quickly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests import tiny

from laketrain.ml import KerasEstimator

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ANIMALS = ("ant", "bee", "cat", "dog")
FEATURES = {"image": {"kind": "image", "column": "pixels", "shape": [tiny.SIDE, tiny.SIDE, 1]},
            "label": {"kind": "label", "classes": tiny.CLASSES}}


def rows_of(count: int, seed: int = 1) -> list[dict[str, Any]]:
    images, labels = tiny.draw(count, seed)
    return [{"name": f"row {number}", "pixels": image.reshape(-1).tolist(), "animal": ANIMALS[label],
             "label": float(label)} for number, (image, label) in enumerate(zip(images, labels, strict=True))]


def frame_of(spark: SparkSession, rows: list[dict[str, Any]]) -> DataFrame:
    return spark.createDataFrame(rows, "name string, pixels array<int>, animal string, label double").repartition(2)


def estimator_for(lake: Path, **settings: Any) -> KerasEstimator:
    params = {"features": FEATURES, "train": {"model": {"name": "linear"}}, "epochs": 3, "batch": 16,
             "learningRate": 0.01, "validationFraction": 0.0, **settings}
    return KerasEstimator(lake=str(lake), **params)
