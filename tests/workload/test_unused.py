"""A setting that would change nothing, with these features or beside the other settings, is refused before Spark
starts: by its key, with what it is for, and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from laketrain.errors import Problem

SCHEMA = {"id": "string", "content": "binary", "title": "string", "pixels": "array<int>", "x": "double", "y": "int",
          "price": "double"}
SOUND = {"kind": "audio", "column": "content", "seconds": 1}
PHOTO = {"kind": "image", "column": "content", "encoded": True, "shape": [8, 8, 3]}
NUMBER = {"kind": "number", "column": "x"}
TITLE = {"kind": "text", "length": 8, "column": "title"}
LABEL = {"kind": "label", "column": "y", "classes": 3}
PRICE = {"kind": "value", "column": "price", "size": 1}

Check = Callable[..., list[Problem]]


@pytest.fixture
def check(problems: Check) -> Check:
    """The problems of a workload with these features and sections."""

    def found(features: dict[str, Any], train: dict[str, Any] | None = None, **sections: Any) -> list[Problem]:
        convert = {"table": "rows", "features": features,
                   "split": {"by": "id", "fractions": {"train": 0.8, "val": 0.2}}}
        return problems(json.dumps({
            "name": "t", "lake": "lake", "sources": {"rows": {"format": "parquet", "path": "in", "schema": SCHEMA}},
            "clean": {"rows": {}}, "convert": convert,
            "train": {"model": {"name": "linear"}, **(train or {})}, **sections}))

    return found


@pytest.mark.parametrize(("given", "train", "where", "message", "hint"), [
    (SOUND, {"model": {"name": "rnn"}, "augment": {"shift": 2.0}}, "augment.shift",
     "is for images among the inputs, and these are given (audio)", "Remove 'train.augment'"),
    (NUMBER, {"augment": {"flip": {"horizontal": 0.5}}}, "augment.flip", "these are given (number)", "Remove"),
    (NUMBER, {"model": {"name": "mlp", "embedding": 16}}, "model.embedding",
     "embedding 16 is for inputs of kind text, and the dataset has given (number)", "Remove it"),
    (SOUND, {"model": {"name": "tcn", "embedding": 16}}, "model.embedding", "is for inputs of kind text", "Remove it"),
    (TITLE, {"model": {"name": "mlp", "categories": "one_hot"}}, "model.categories",
     "is for inputs of kind category, bucket or label, and the dataset has given (text)", "Remove it"),
    (TITLE, {"model": {"name": "text", "filters": 8}}, "model", "`filters` are of `body: convolution`", "Add body"),
    (NUMBER, {"loss": {"name": "auto", "label_smoothing": 0.1, "weight": 0.5}, "targets": {"price": PRICE}}, "loss",
     "is mse for a value, which has no label_smoothing", "Remove it"),
    (NUMBER, {"loss": {"use": "json:dumps", "name": "focal"}}, "loss",
     "a loss of your own, which doesn't get name", "Remove"),
    (NUMBER, {"loss": {"label": "focal", "*": "auto"}}, "loss.*", "for targets that aren't named, and all are",
     "Remove it"),
    (NUMBER, {"metrics": {"label": ["accuracy"], "*": ["auto"]}}, "metrics.*", "and all are", "Remove it"),
    (NUMBER, {"optimizer": {"name": "adam", "schedule": {"name": "constant", "end": 0.1}}}, "optimizer.schedule",
     "schedule 'constant' doesn't use `end`; cosine and linear do", "Remove it"),
    (NUMBER, {"optimizer": {"name": "sgd", "nesterov": True}}, "optimizer", "isn't set", "Add e.g. momentum: 0.9"),
    (NUMBER, {"epochs": 3, "optimizer": {"schedule": {"name": "cosine", "warmup": 3}}}, "optimizer.schedule.warmup",
     "a warmup of 3 epochs: doesn't end within 3", "Train for more epochs"),
    (NUMBER, {"epochs": 3, "optimizer": {"schedule": {"name": "steps", "at": [1, 3]}}}, "optimizer.schedule.at",
     "a step of the rate after 3 epochs: isn't reached in 3", "Remove it"),
    (NUMBER, {"restore_best": False, "monitor": "val_accuracy"}, "monitor",
     "has no effect: the last epoch's model is kept", "Remove it"),
    (NUMBER, {"restore_best": True, "validation": None}, "restore_best", "and there is none",
     "Name one in 'train.validation'"),
    (NUMBER, {"step": "json:dumps", "class_weights": "balanced"}, "class_weights",
     "have no effect: the step 'json:dumps'", "Weight"),
    (NUMBER, {"step": "json:dumps", "validation": None, "loss": "focal"}, "loss", "the step 'json:dumps' computes it",
     "Remove it"),
    (NUMBER, {"cache": {"folder": "/tmp/cache"}}, "cache", "no feature is an image that is stored compressed",
     "Remove it"),
    ({**PHOTO, "store": "pixels"}, {"model": {"name": "cnn"}, "cache": {"folder": "/tmp/cache"}}, "cache",
     "no feature is an image that is stored compressed", "store: jpeg or png"),
], ids=lambda value: value if isinstance(value, str) and " " not in value else "")
def test_a_setting_of_train_that_would_do_nothing_is_refused(check: Check, given: dict[str, Any], train: dict[str, Any],
                                                             where: str, message: str, hint: str) -> None:
    train = dict(train)
    [problem] = check({"id": {"kind": "key"}, "given": given, **train.pop("targets", {"label": LABEL})}, train)
    assert problem.where == f"train.{where}"
    assert message in problem.problem
    assert hint in problem.hint


@pytest.mark.parametrize(("given", "key", "why"), [
    ({**NUMBER, "flag": True}, "flag", "`missing: refuse` accepts none"),
    ({"kind": "category", "column": "title", "hashed": 10, "minimum_count": 5}, "minimum_count",
     "is for values of the train split"),
    ({"kind": "category", "column": "title", "hashed": 10, "most": 5}, "most", "`hashed` doesn't use them"),
    ({**PHOTO, "filter": "lanczos"}, "filter", "with `resize: none` they are refused"),
    ({"kind": "image", "column": "pixels", "shape": [8, 8, 1], "max_pixels": 100}, "max_pixels", "holds pixels"),
    ({**SOUND, "coefficients": 20}, "coefficients", "is for `features: mfcc`"),
    ({**SOUND, "features": "waveform", "hop_ms": 5.0}, "hop_ms", "`features: waveform` has samples"),
    ({"kind": "vector", "column": "price", "columns": ["x", "price"]}, "column", "the feature has `columns`"),
])
def test_a_setting_of_a_feature_that_would_do_nothing_is_refused(check: Check, given: dict[str, Any], key: str,
                                                                 why: str) -> None:
    model = {"image": "cnn", "audio": "rnn"}.get(given["kind"], "mlp")
    [problem] = check({"given": given, "label": LABEL}, {"model": {"name": model}})
    assert problem.where == f"convert.features.given.{key}"
    assert why in problem.problem
    assert problem.hint == "Remove it"


def test_probabilities_of_numbers_are_refused(check: Check) -> None:
    [problem] = check({"given": NUMBER, "price": PRICE}, predict={"table": "rows", "probabilities": True})
    assert problem.where == "predict.probabilities"
    assert "it is for classes, and the targets are price (value)" in problem.problem


@pytest.mark.parametrize(("given", "train"), [
    (SOUND, {"model": {"name": "rnn", "embedding": 64, "dropout": 0.0}, "augment": {"shift": 0.0}}),
    (NUMBER, {"epochs": 2, "early_stopping": {"patience": 5}, "reduce_lr_on_plateau": {"patience": 5},
              "restore_best": False}),
    (NUMBER, {"restore_best": False, "reduce_lr_on_plateau": {"patience": 1}, "monitor": "val_accuracy"}),
    (NUMBER, {"validation": None, "monitor": "accuracy", "early_stopping": {"patience": 2}}),
    (NUMBER, {"optimizer": {"name": "sgd", "momentum": 0.0, "nesterov": False, "clipnorm": 1e6}}),
    ({**PHOTO, "store": "jpeg"}, {"model": {"name": "cnn"}, "cache": {"folder": "/tmp/cache"}}),
])
def test_defaults_what_leaves_itself_out_and_guards_are_accepted(check: Check, given: dict[str, Any],
                                                                 train: dict[str, Any]) -> None:
    assert check({"given": given, "label": LABEL}, train) == []
