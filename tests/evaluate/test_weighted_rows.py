"""A workload with weights, from its CSV file to the report: the metrics of training and evaluation, and the baselines,
are scikit-learn's with `sample_weight`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from rich.console import Console
from sklearn import metrics
from sklearn.dummy import DummyRegressor
from tests.report.parsed_page import Page
from tests.tables import csv_of

from laketrain.pipeline import Pipeline
from laketrain.report.terminal import Terminal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
CONFIG = """\
name: weighed
lake: lake
sources:
  rows: {format: csv, path: in/*.csv, schema: {id: string, x: double, y: double, w: double, fold: string},
         options: {header: true}}
clean: {rows: {}}
convert:
  table: rows
  features: {id: {kind: key}, x: {kind: number}, y: {kind: value, columns: [y]}, w: {kind: weight}}
  split: {by_column: {column: fold, values: {train: [train], val: [val], test: [test]}}}
  leakage: {keys: [x], duplicates: false}
train: {model: {name: linear}, epochs: 20, batch: 192, ranks: 2, optimizer: {name: sgd, learning_rate: 0.05},
        restore_best: false, metrics: [mae]}
evaluate: {gate: {mae: "<= 0.19", r2: ">= -0.001"}}
"""
ROWS = {"train": 160, "val": 20, "test": 20}
MASKED = {"train": 32, "val": 4, "test": 4}


def rows() -> list[dict[str, str]]:
    """Half of each split is 0 with weight 1, half is 1 with weight 9; other rows are absurd and have weight 0."""
    result: list[dict[str, Any]] = []
    for fold, count in ROWS.items():
        result += [{"x": 0.0, "y": float(row % 2), "w": 1.0 + 8.0 * (row % 2), "fold": fold} for row in range(count)]
        result += [{"x": 0.0, "y": 1e6, "w": 0.0, "fold": fold} for _ in range(MASKED[fold])]
    return [{"id": f"r{index}", **{key: str(value) for key, value in values.items()}}
            for index, values in enumerate(result)]


@pytest.fixture(scope="module")
def ran(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, Any, str]:
    """The run, its result, and the output of the terminal."""
    home: Path = tmp_path_factory.mktemp("weighed rows")
    (home / "in").mkdir()
    (home / "in" / "rows.csv").write_text(csv_of(rows()), "utf-8")
    (home / "job.yaml").write_text(CONFIG, "utf-8")
    console = Console(file=io.StringIO(), width=400)
    pipeline = Pipeline(home / "job.yaml", listener=Terminal(console), spark=spark)
    result = pipeline.run()
    assert isinstance(console.file, io.StringIO)
    return pipeline, result, console.file.getvalue()


def test_the_evaluation_is_scikit_learns_with_sample_weight(ran: tuple[Pipeline, Any, str]) -> None:
    entry = ran[0].version("runs/weighed-evaluation").entry
    counted = [row for row in rows() if row["fold"] == "test"]
    true, weights = (np.array([float(row[key]) for row in counted]) for key in ("y", "w"))
    predictions = DummyRegressor(strategy="mean").fit(true[:, None], true, sample_weight=weights).predict(true[:, None])
    expected = {"mae": metrics.mean_absolute_error(true, predictions, sample_weight=weights),
              "rmse": metrics.root_mean_squared_error(true, predictions, sample_weight=weights),
              "r2": metrics.r2_score(true, predictions, sample_weight=weights)}
    assert [round(value, 9) for value in expected.values()] == [0.18, 0.3, 0.0]
    # The best prediction for identical rows is their weighted mean.
    for name, value in expected.items():
        assert entry.meta["metrics"][name] == pytest.approx(value, abs=1e-4)
    assert entry.meta["baselines"]["mean"] == pytest.approx(expected["mae"], abs=1e-9)
    assert entry.counts == {"rows": 24, "weight": 100.0, "masked": 4}
    assert (entry.meta["rows"], entry.meta["baseline_rows"]) == (20, {"train": 160, "test": 20})


def test_the_metrics_of_an_epoch_have_the_same_denominator(ran: tuple[Pipeline, Any, str]) -> None:
    last = ran[0].version("models/weighed").entry.meta["history"][-1]
    measured = ran[0].version("runs/weighed-evaluation").entry.meta["metrics"]
    # The validation split has the same rows as the test split, and weights no longer change.
    assert last["val_mae"] == pytest.approx(measured["mae"], abs=1e-5)
    assert last["val_loss"] == pytest.approx(measured["rmse"] ** 2, abs=1e-5)
    assert last["loss"] == pytest.approx(last["val_loss"], abs=1e-4)
    assert last["mae"] == pytest.approx(last["val_mae"], abs=1e-4)


def test_warnings_are_at_the_top_of_the_report_and_in_the_terminal(ran: tuple[Pipeline, Any, str]) -> None:
    pipeline, result, terminal = ran
    warnings = pipeline.version("runs/weighed-evaluation").entry.meta["warnings"]
    assert warnings[0].startswith("mae 0.1800 is no better than the baseline mean, which needs no training")
    assert warnings[1].startswith("; ".join(f"'x' leaks between {pair}: 1 value, e.g. 0.0" for pair in (
        "train and val", "train and test", "val and test")))
    assert len(warnings) == 2
    page = Page(pipeline.lake.store.read(result.report.path("report.html")).decode())
    for warning in warnings:
        assert warning in page.sections["head"]
        assert warning in terminal
    assert "on 20 of 24 rows, of weight 100 (the others have weight 0 and count in nothing)" in terminal
    assert "20 of 24 rows of split test, of weight 100" in page.sections["comparison"]
    assert "learnt from 160 rows and measured on the same rows" in page.sections["comparison"]
    assert "means over the rows by their weight 'w'" in page.sections["training"]


def test_a_split_with_only_weights_of_0_is_refused_before_training(spark: SparkSession,
                                                                              tmp_path: Path) -> None:
    from laketrain.errors import DataError

    (tmp_path / "in").mkdir()
    masked = [{**row, "w": "0"} if row["fold"] == "val" else row for row in rows()]
    bad = [{**masked[0], "id": "minus", "w": "-2"}]
    (tmp_path / "in" / "rows.csv").write_text(csv_of([*masked, *bad]), "utf-8")
    config = CONFIG.replace("leakage: {keys: [x], duplicates: false}", "max_reject_fraction: 0.1")
    (tmp_path / "job.yaml").write_text(config, "utf-8")
    pipeline = Pipeline(tmp_path / "job.yaml", listener=Terminal(Console(file=io.StringIO())), spark=spark)
    with pytest.raises(DataError, match=r"has weight 0 in all rows of val .*weight 'w' above 0"):
        pipeline.run(last="convert")
    [refused] = pipeline.table("quarantine/weighed-features").collect()
    assert refused["reason"] == "w is below 0 (a weight of 0 masks a row)"
