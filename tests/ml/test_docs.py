"""The code of the page on Spark ML runs, with CrossValidator in two threads, and the page names all Params."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ml.frames import frame_of, rows_of

from laketrain.lake import Lake
from laketrain.ml import KerasEstimator, KerasModel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "spark-ml.md"


@pytest.mark.slow
def test_the_code_of_the_page_runs_and_cross_validation_finds_the_better_rate(
        spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.ml.tuning import CrossValidatorModel

    snippets = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(snippets) == 2
    folder = tmp_path / "lake"
    names: dict[str, Any] = {"lake": str(folder), "df": frame_of(spark, rows_of(240)).drop("label")}
    for snippet in snippets:
        exec(snippet, names)
    assert names["accuracy"] > 0.9
    tuned = names["tuned"]
    better, worse = tuned.avgMetrics
    assert worse < 0.6 and better > 0.75
    best = tuned.bestModel
    assert isinstance(best, KerasModel) and best.ref.startswith("models/animals@")
    assert best.version.entry.meta["config"]["optimizer"]["learning_rate"] == 0.01
    lake = Lake(folder)
    # A dataset of the first fit, one a fold and one of all rows; a model of the first fit, one a fold and rate, and the
    # best one.
    assert lake.table("features", "animals").versions() == [1, 2, 3, 4]
    assert lake.table("models", "animals").versions() == [1, 2, 3, 4, 5, 6]
    datasets = [lake.table("models", "animals").get(number).entry.parents["features/animals"] for number in range(1, 7)]
    assert (datasets[0], {*datasets[1:]}) == (1, {2, 3, 4})

    tuned.save(str(tmp_path / "tuned"))
    loaded = CrossValidatorModel.load(str(tmp_path / "tuned")).bestModel
    assert isinstance(loaded, KerasModel) and loaded.ref == best.ref


@pytest.mark.slow
def test_the_page_names_every_param(spark: SparkSession) -> None:
    text = PAGE.read_text("utf-8")
    assert [param.name for param in KerasEstimator().params if f"`{param.name}`" not in text] == []
