"""The registered tasks agree with the names that a workload accepts, and load nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

from laketrain.config.evaluate import BASELINES, GATED
from laketrain.config.loss import LOSSES, METRICS
from laketrain.errors import DataError
from laketrain.tasks import TASKS, Regression, default_task, metric_mode, register, task_of_section


def test_tasks_are_imported_without_tensorflow_spark_and_scikit_learn() -> None:
    program = ("import sys, laketrain.tasks; "
               "print([name for name in ('tensorflow', 'keras', 'pyspark', 'sklearn') if name in sys.modules])")
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_workload_accepts_the_names_of_all_tasks() -> None:
    for task in TASKS.values():
        assert set(task.losses) <= set(LOSSES)
        assert set(task.training_metrics) <= set(METRICS)
        assert set(task.metrics) <= set(GATED)
        assert set(task.baselines) <= set(BASELINES)


@pytest.mark.parametrize(("kind", "name"), [
    ("label", "classification"), ("multilabel", "multilabel"), ("value", "regression"), ("sequence", "sequence"),
    ("image", "image")])
def test_each_kind_of_target_has_a_default_task(kind: str, name: str) -> None:
    assert default_task(kind).name == name


def test_a_kind_without_a_task_is_refused() -> None:
    with pytest.raises(DataError, match="a target of kind graph: no task is registered for it"):
        default_task("graph")


def test_an_older_evaluation_has_the_task_of_its_kind() -> None:
    assert task_of_section({"kind": "multilabel"}).name == "multilabel"
    assert task_of_section({}).name == "classification"
    assert task_of_section({"kind": "value", "task": "regression"}).name == "regression"


@pytest.mark.parametrize(("monitor", "mode"), [
    ("val_loss", "min"), ("loss", "min"), ("val_accuracy", "max"), ("top_3_accuracy", "max"), ("val_price_mae", "min"),
    ("rmse", "min"), ("val_r2", "max"), ("tags_auc", "max"), ("val_accuracy_mae", "min")])
def test_the_direction_of_a_metric_follows_from_its_name(monitor: str, mode: str) -> None:
    assert metric_mode(monitor) == mode


def test_another_class_cannot_use_the_same_name() -> None:
    class Other(Regression):
        name = "regression"

    with pytest.raises(ValueError, match=r"task 'regression' is registered by laketrain\.tasks\.regression"):
        register(Other())
