"""Fingerprints of a workload are those of releases before, so that their lakes are skipped and not made again."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from laketrain.convert import fingerprint_convert
from laketrain.train import fingerprint_train
from laketrain.workload import Workload

MNIST = Path(__file__).parents[2] / "conf" / "mnist.yaml"
DIGITS = Path(__file__).with_name("digits.yaml")
CONVERT = "095f35581ff99487b614de474d289611e10efce61c3dffe8eb064e9875af5341"


def version(zone: str, name: str, data: str) -> Any:
    return SimpleNamespace(zone=zone, name=name, entry=SimpleNamespace(data=data), lake=None)


def fingerprints(workload: Workload) -> tuple[str, str]:
    assert workload.convert is not None and workload.train is not None
    table, dataset = version("integrated", "digits", "data-1"), version("features", "digits", "data-2")
    return fingerprint_convert(table, workload.convert), fingerprint_train(dataset, workload.train)


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
    assert fingerprints(Workload.load(file, sets)) == (convert, train)


@pytest.mark.parametrize("column", ["", ", column: label"])
def test_a_default_of_a_feature_that_is_spelt_out_changes_no_fingerprint(column: str) -> None:
    workload = Workload.load(DIGITS, [f"convert.features.label={{kind: label, classes: 10{column}, role: target}}"])
    assert fingerprints(workload) == fingerprints(Workload.load(DIGITS))


def test_a_model_is_dumped_as_it_was_declared() -> None:
    for declared in ({"name": "mlp", "hidden": [8]}, {"name": "cnn", "filters": 32, "dropout": 0.5},
                     {"use": "os:getcwd", "settings": {"rate": 1.0}}, {"name": "linear"}):
        train = Workload.load(DIGITS).train
        assert train is not None
        changed = type(train).model_validate({**train.model_dump(by_alias=True), "model": declared})
        assert changed.model_dump(mode="json")["model"] == declared
