"""Fingerprints of a workload are those of releases before, so that their lakes are skipped and not made again."""

from __future__ import annotations

import importlib
import json
import linecache
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from laketrain.convert import fingerprint_convert
from laketrain.features import Value
from laketrain.models import parse_model
from laketrain.tasks import Output, Regression
from laketrain.train import fingerprint_train, fingerprints_train
from laketrain.train.user_code import source_checksums
from laketrain.workload import Train, Workload

MNIST = Path(__file__).parents[2] / "conf" / "mnist.yaml"
DIGITS = Path(__file__).with_name("digits.yaml")
CONVERT = "095f35581ff99487b614de474d289611e10efce61c3dffe8eb064e9875af5341"


def version(zone: str, name: str, data: str, **meta: Any) -> Any:
    return SimpleNamespace(zone=zone, name=name, entry=SimpleNamespace(data=data, meta=meta), lake=None)


def last_fingerprint(dataset: Any, config: Train) -> str:
    """The one of earlier releases."""
    return fingerprints_train(dataset, config)[-1]


def fingerprints(workload: Workload, trained: Callable[..., str] = fingerprint_train) -> tuple[str, str]:
    assert workload.convert is not None and workload.features is not None and workload.train is not None
    table = version("integrated", "digits", "data-1")
    dataset = version("features", "digits", "data-2", features=json.loads(workload.features.to_json()))
    return fingerprint_convert(table, workload.convert), trained(dataset, workload.train)


@pytest.mark.parametrize(("file", "sets", "convert", "train"), [
    (MNIST, (), CONVERT, "393c57872779ea579f29de5a8612d85b0b939ede212f45f23f772d2999a7d6fc"),
    (DIGITS, (), CONVERT, "393c57872779ea579f29de5a8612d85b0b939ede212f45f23f772d2999a7d6fc"),
    (DIGITS, ("train.model={name: mlp, hidden: [32, 16], dropout: 0}",), CONVERT,
     "a63a687521a509266f0a89b2233f1f8de51b2de00a63d8d37a1c87356f1059e8"),
    (DIGITS, ("train.model={name: resnet, stages: [1, 2], filters: 8}",
              "train.reduce_lr_on_plateau={patience: 2, min_lr_ratio: 0.01}",
              "train.restore_best=false", "train.optimizer={name: adamw, gradient_dtype: bfloat16, weight_decay: 0.01}",
              "train.retrain_when={rows: 0.2}"), CONVERT,
     "cc6deb22ee062c5821f8e01c4ef955709cb3963fa332a4c4b8e24810279e9446"),
    (DIGITS, ("train.model={name: linear}", "convert.leakage={keys: [digit_id]}", "train.validation=null",
              "train.restore_best=false"), "6553a368b23c7a6964259a88777dead697793dbc1ab7a4f6e6055c9121a5417a",
     "751314ed75a3e8f8f152629a4ba73032d08010ca0fd500bf0b2b6e8b470cafd3"),
], ids=["mnist", "digits", "mlp", "resnet", "linear"])
def test_fingerprints_are_those_of_earlier_releases(file: Path, sets: tuple[str, ...], convert: str,
                                                    train: str) -> None:
    assert fingerprints(Workload.load(file, sets), last_fingerprint) == (convert, train)


def test_a_model_without_spelt_out_defaults_has_the_fingerprint_of_earlier_releases() -> None:
    workload = Workload.load(DIGITS, ["train.model={name: mlp, hidden: [32]}"])
    assert fingerprints(workload) == fingerprints(workload, last_fingerprint)


@pytest.mark.parametrize(("model", "spelt_out"), [
    ("{name: cnn, filters: 8}", "{name: cnn, filters: 8, kernel: 3, dropout: 0}"),
    ("{name: mlp, hidden: [8], dropout: 0}", "{name: mlp, hidden: [8], activation: relu, dropout: 0.0}"),
])
def test_a_default_of_a_model_that_is_spelt_out_changes_no_fingerprint(model: str, spelt_out: str) -> None:
    assert fingerprints(Workload.load(DIGITS, [f"train.model={spelt_out}"])) == fingerprints(
        Workload.load(DIGITS, [f"train.model={model}"]))


@pytest.mark.parametrize("column", ["", ", column: label"])
def test_a_default_of_a_feature_that_is_spelt_out_changes_no_fingerprint(column: str) -> None:
    workload = Workload.load(DIGITS, [f"convert.features.label={{kind: label, classes: 10{column}, role: target}}"])
    assert fingerprints(workload) == fingerprints(Workload.load(DIGITS))


def test_a_model_of_the_users_own_keeps_its_settings_and_loses_spelt_out_defaults_of_laketrain() -> None:
    model = parse_model({"use": "os:getcwd", "settings": {"rate": 0.5}, "from_logits": False})
    assert model.without_defaults() == {"use": "os:getcwd", "settings": {"rate": 0.5}}


def test_the_source_of_a_task_that_a_plugin_registers_is_part_of_the_fingerprint(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train = Workload.load(DIGITS).train
    monkeypatch.syspath_prepend(tmp_path)
    source = "from laketrain.tasks import Regression\n\nclass Scaled(Regression):\n    factor = 2\n"
    (tmp_path / "scaled_task.py").write_text(source)
    module = importlib.import_module("scaled_task")

    def checksums(task: Any) -> dict[str, str]:
        assert train is not None
        return source_checksums(train, {"price": Output(task, Value(column="price", size=1), "price")})

    before = checksums(module.Scaled())
    assert list(before) == ["scaled_task:Scaled"]
    (tmp_path / "scaled_task.py").write_text(source.replace("factor = 2", "factor = 10"))
    linecache.checkcache()
    assert checksums(importlib.reload(module).Scaled()) != before
    assert checksums(Regression()) == {}


def test_a_model_is_dumped_as_it_was_declared() -> None:
    for declared in ({"name": "mlp", "hidden": [8]}, {"name": "cnn", "filters": 32, "dropout": 0.5},
                     {"use": "os:getcwd", "settings": {"rate": 1.0}}, {"name": "linear"}):
        train = Workload.load(DIGITS).train
        assert train is not None
        changed = type(train).model_validate({**train.model_dump(by_alias=True), "model": declared})
        assert changed.model_dump(mode="json")["model"] == declared
