"""A plugin's task passes all stages: it is checked, trained, evaluated, gated, reported and predicted,
by ranks and executors that import the plugin's module."""

from __future__ import annotations

import importlib
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.errors import ConfigError, GateError
from laketrain.lake import Lake
from laketrain.pipeline import Pipeline

from ..report.parsed_page import Page
from ..road import Quiet
from ..small import write

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
MODULE = Path(__file__).parent / "plugin" / "log_regression.py"
ROWS = 60
CONFIG = """\
name: prices
lake: lake
spark: {master: "local[2]"}
sources:
  goods: {format: csv, path: landing/*.csv, schema: {id: string, size: string, price: string}, options: {header: true}}
clean:
  goods: {rules: [{cast: {column: size, to: double}}, {cast: {column: price, to: double}}]}
convert:
  table: goods
  features:
    size: {kind: number, scale: none}
    price: {kind: value, columns: [price], task: log_regression}
    id: {kind: key}
  split: {by: id, fractions: {train: 0.6, val: 0.2, test: 0.2}}
train:
  model: {name: linear}
  epochs: 3
  batch: 12
  ranks: 2
  lanes: 2
  optimizer: {name: adam, learning_rate: 0.1}
  loss: {name: log_error, weight: 0.5}
  metrics: [factor]
  monitor: val_factor
evaluate: {baselines: [geometric_mean, linear], gate: {log_mae: "< 5"}}
predict: {table: goods}
"""


@dataclass(frozen=True)
class Prices:
    """A config and the lake that it names."""

    config: Path
    lake: Lake

    def pipeline(self, spark: SparkSession | None, *sets: str) -> Pipeline:
        return Pipeline(self.config, sets, listener=Quiet(), spark=spark)


@pytest.fixture(scope="module")
def plugin(spark: SparkSession) -> Iterator[None]:
    """The plugin's module, imported here and sent to the executors."""
    spark.sparkContext.addPyFile(str(MODULE))
    sys.path.insert(0, str(MODULE.parent))
    importlib.import_module(MODULE.stem)
    yield
    sys.path.remove(str(MODULE.parent))


@pytest.fixture(scope="module")
def prices(plugin: None, tmp_path_factory: pytest.TempPathFactory) -> Prices:
    folder = tmp_path_factory.mktemp("prices")
    sizes = np.random.default_rng(3).uniform(-1, 1, ROWS)
    write(folder / "landing" / "goods.csv", [
        {"id": f"n{row}", "size": f"{size:.4f}", "price": f"{math.exp(1 + 2 * size):.6f}"}
        for row, size in enumerate(sizes)])
    (folder / "prices.yaml").write_text(CONFIG, "utf-8")
    return Prices(folder / "prices.yaml", Lake(str(folder / "lake")))


def test_a_registered_task_passes_all_stages(spark: SparkSession, prices: Prices) -> None:
    pipeline = prices.pipeline(spark)
    result = pipeline.run()

    model = pipeline.version("models/prices").entry.meta
    assert model["outputs"] == {"price": {"task": "log_regression", "truth": "price"}}
    assert set(model["history"][-1]) >= {"loss", "factor", "val_loss", "val_factor"}
    assert model["best"]["monitor"] == "val_factor"

    evaluation = pipeline.version("runs/prices-evaluation").entry.meta
    assert (evaluation["kind"], evaluation["task"], evaluation["figure"]) == ("value", "log_regression", "log_mae")
    assert list(evaluation["baselines"]) == ["geometric_mean"]
    assert "'price' is off by a factor of" in " ".join(evaluation["warnings"])

    rows = rows_of(spark, pipeline)
    assert len(rows) == ROWS
    assert [row["estimate"] for row in rows] == pytest.approx([math.exp(row["log_estimate"]) for row in rows])

    assert result.report is not None
    page = Page(prices.lake.store.read(result.report.path("report.html")).decode())
    assert not [text for text in page.sections.values() if "could not be drawn" in text]
    assert "Mean absolute log error" in page.sections["head"]
    assert "geometric_mean" in page.sections["comparison"] and "typical factor" in page.sections["comparison"]


def rows_of(spark: SparkSession, pipeline: Pipeline) -> list[Any]:
    version = pipeline.version("predictions/goods")
    return spark.read.parquet(version.url()).collect()


def test_its_baseline_and_metric_equal_numpys(spark: SparkSession, prices: Prices) -> None:
    from laketrain.feed.dataset import Dataset

    pipeline = prices.pipeline(spark)
    pipeline.run()
    dataset = Dataset(pipeline.version("features/prices"))
    logs = {split: np.log(dataset.reader(split, ["price"]).read(np.arange(dataset.rows(split)))["price"])
            for split in ("train", "test")}
    section = pipeline.version("runs/prices-evaluation").entry.meta
    assert section["baselines"]["geometric_mean"] == pytest.approx(np.abs(logs["test"] - logs["train"].mean()).mean())
    predicted = {row["id"]: row["log_estimate"] for row in rows_of(spark, pipeline)}
    ids = dataset.reader("test", ["id"]).read(np.arange(dataset.rows("test")))["id"]
    errors = np.abs([predicted[str(name)] for name in ids] - logs["test"][:, 0])
    assert section["metrics"]["log_mae"] == pytest.approx(errors.mean(), rel=1e-5)


def test_a_gate_on_its_metric_is_enforced(spark: SparkSession, prices: Prices) -> None:
    with pytest.raises(GateError, match="log_mae is"):
        prices.pipeline(spark, "evaluate.gate={log_mae: '< 0.000001'}").run(last="evaluate")


@pytest.mark.parametrize(("sets", "message"), [
    ({"train.loss": "mse"}, "loss 'mse' suits no target of kind value; log_error do"),
    ({"train.metrics": ["mae"], "train.monitor": "auto"}, "metric 'mae' of 'price': suits no target of kind value"),
    ({"evaluate.gate": {"mae": "< 1"}}, "'mae' isn't a metric of the targets price (value)"),
    ({"convert.features.price.task": "log_regresion"}, "Did you mean 'log_regression'?"),
    ({"convert.features.price.task": "classification"}, "is for targets of kind label, not value"),
    ({"convert.features.size.task": "log_regression"}, "unknown key 'task'"),
])
def test_what_the_task_does_not_have_is_refused_before_anything_runs(prices: Prices, sets: dict[str, Any],
                                                                     message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        prices.pipeline(None, *(f"{key}={json.dumps(value)}" for key, value in sets.items()))
    assert message in str(caught.value)
