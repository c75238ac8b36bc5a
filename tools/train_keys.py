"""Writes docs/reference/train-keys.md: where each key of `train` and of the models applies, by kind of feature.

    make reference      # = .venv/bin/python tools/config_reference.py, then .venv/bin/python tools/train_keys.py

`laketrain check` decides whether a key applies, for workloads with one input and one target. That it then
has an effect is shown by tests/train/test_keys.py and tests/models/test_keys.py, which walk the same `TRIALS`: a key
that does nothing fails there, and so does a key that is new and has no place here.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from config_reference import members, sections
from laketrain.config.loss import LOSSES
from laketrain.config.optimizer import OptimizerName
from laketrain.errors import ConfigError
from laketrain.models import AnyModel
from laketrain.workload import Train, Workload

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "train-keys.md"
HEAD = Path(__file__).with_suffix(".md")
"""The prose around the tables."""

Settings = dict[str, Any]

INPUTS: dict[str, Settings] = {
    "number": {"kind": "number"},
    "vector": {"kind": "vector", "size": 3},
    "category": {"kind": "category"},
    "bucket": {"kind": "bucket", "edges": [-0.5, 0.5]},
    "label": {"kind": "label", "role": "input", "classes": 3},
    "multilabel": {"kind": "multilabel", "role": "input", "names": ["p", "q"]},
    "text": {"kind": "text", "length": 4, "minimum_count": 1},
    "image": {"kind": "image", "shape": [8, 8, 3]},
    "compressed image": {"kind": "image", "shape": [8, 8, 3], "store": "png"},
    "sequence": {"kind": "sequence", "shape": [4, 2]},
    "audio": {"kind": "audio", "seconds": 0.1, "rate": 4000, "bands": 4},
}
"""A feature of each kind of input. Images of pixels and compressed ones are separate, since `cache` treats them
differently."""
TARGETS: dict[str, Settings] = {
    "label": {"kind": "label", "classes": 3},
    "multilabel": {"kind": "multilabel", "names": ["a", "b"]},
    "value": {"kind": "value", "size": 2},
    "sequence": {"kind": "sequence", "role": "target", "shape": [3, 2]},
    "image": {"kind": "image", "role": "target", "shape": [8, 8, 3]},
}
"""A feature of each kind of target. No model of the zoo makes images: there it is one of the user's own."""
SEVERAL = "several"
"""The target of a workload that has one of each kind that the zoo makes."""
OF_ZOO = ("label", "multilabel", "value", "sequence")

LINEAR: Settings = {"name": "linear"}
SGD: Settings = {"name": "sgd", "learning_rate": 0.05}


@dataclass(frozen=True)
class Trial:
    """How a key is tried out.

    value, others: what it is set to. besides: the section's other keys. The key applies with one of each at least.
    input, target: kinds that go with all kinds of the other side, where the key has a use for these alone.
    """

    value: Any
    besides: tuple[Settings, ...] = ({},)
    input: str = "number"
    target: str = "label"
    others: tuple[Any, ...] = ()

    def pairs(self, key: str) -> Iterator[tuple[Settings, Settings]]:
        """The `train` sections without the key and with it, of each of `besides`."""
        for others in self.besides:
            section = {"model": LINEAR, "optimizer": SGD, "epochs": 1, "batch": 16, "validation": None, **others}
            yield from ((section, with_key(section, key, value)) for value in (self.value, *self.others))


def trial(value: Any, /, **others: Any) -> Trial:
    """With just these other keys."""
    return Trial(value, (others,))


def with_key(section: Settings, key: str, value: Any) -> Settings:
    """A copy of the section in which the dotted key has the value."""
    result = copy.deepcopy(section)
    *above, last = key.split(".")
    here = result
    for part in above:
        here = here.setdefault(part, {})
    here[last] = value
    return result


def _of_images(value: Any) -> Trial:
    return Trial(value, input="image")


def _of_optimizers(value: Any) -> Trial:
    return Trial(value, tuple({"optimizer": {"name": name, "learning_rate": 0.05}} for name in get_args(OptimizerName)))


def _of_losses(value: Any, target: str = "label") -> Trial:
    return Trial(value, tuple({"loss": {"name": name}} for name in LOSSES.builtin), target=target)


_STEPS = {**SGD, "schedule": {"name": "steps", "at": [1]}}
_SLOW = {"patience": 1, "min_delta": 1e6}
"""No epoch but the first counts as better."""
_WORSE: Settings = {"validation": "val", "epochs": 4, "optimizer": {**SGD, "learning_rate": 1.0, "clipvalue": 0.05}}
"""Steps so large that epochs differ, and the last isn't the best."""

TRIALS: Mapping[str, Trial] = {
    "split": trial("other"), "validation": trial("other"), "epochs": trial(2), "batch": trial(8), "lanes": trial(4),
    "ranks.min": Trial(1, ({"ranks": {"max": 2}},)), "ranks.max": Trial(2, ({"ranks": {"min": 1}},)),
    "backend": trial("tensorflow"),
    "scaling.batch": trial("linear", ranks=2), "scaling.rate": trial("sqrt", ranks=2),
    "optimizer.name": trial("adam"), "optimizer.learning_rate": trial(0.1),
    "optimizer.schedule.name": trial("cosine", epochs=2),
    "optimizer.schedule.warmup": trial(0.5),
    "optimizer.schedule.end": trial(0.5, epochs=2, optimizer={**SGD, "schedule": {"name": "linear"}}),
    "optimizer.schedule.decay": trial(0.9, epochs=2, optimizer=_STEPS),
    "optimizer.schedule.at": Trial([0.5], ({"epochs": 2, "optimizer": _STEPS},)),
    **{f"optimizer.{key}": _of_optimizers(value) for key, value in {
        "momentum": 0.9, "beta_1": 0.5, "beta_2": 0.5, "rho": 0.5, "epsilon": 0.1, "amsgrad": True, "centered": True,
        "weight_decay": 0.5, "clipvalue": 1e-3, "clipnorm": 1e-3, "global_clipnorm": 1e-3, "accumulate": 2, "ema": 0.5,
        "layer_rates": {"*": 0.5}, "gradient_dtype": "bfloat16"}.items()},
    "optimizer.nesterov": trial(True, optimizer={**SGD, "momentum": 0.9}),
    "loss.name": Trial("focal", others=("mae",)), "loss.use": trial("train_keys_code:loss"),
    **{f"loss.{key}": _of_losses(value) for key, value in {
        "weight": 0.5, "label_smoothing": 0.2, "gamma": 1.0, "alpha": 0.5}.items()},
    "loss.delta": _of_losses(0.1, "value"), "loss.quantile": _of_losses(0.9, "value"),
    "regularise.l1": trial(0.1), "regularise.l2": trial(0.1),
    "class_weights": trial("balanced"),
    "metrics": trial(["auto"]), "monitor": trial("loss", **_WORSE), "restore_best": trial(False, **_WORSE),
    "early_stopping.patience": trial(2, epochs=4, restore_best=False, early_stopping=_SLOW),
    "early_stopping.min_delta": trial(1e6, epochs=4, restore_best=False, early_stopping={"patience": 1}),
    "reduce_lr_on_plateau.patience": trial(2, epochs=3, restore_best=False, reduce_lr_on_plateau=_SLOW),
    "reduce_lr_on_plateau.factor": trial(0.9, epochs=3, restore_best=False, reduce_lr_on_plateau=_SLOW),
    "reduce_lr_on_plateau.min_delta": trial(1e6, epochs=3, restore_best=False, reduce_lr_on_plateau={"patience": 1}),
    "reduce_lr_on_plateau.min_lr_ratio": trial(0.9, epochs=3, restore_best=False, reduce_lr_on_plateau=_SLOW),
    "precision": trial("bfloat16"),
    "retrain_when.rows": trial(0.1), "retrain_when.days": trial(1.0), "retrain_when.drift": trial("some"),
    "init_from": trial("models/another"), "freeze": trial(["*_hidden"]),
    "callbacks": trial(["train_keys_code:callback"]), "step": trial("train_keys_code:step"),
    **{f"augment.{key}": _of_images(value) for key, value in {
        "rotate": 90.0, "zoom": 0.5, "shift": 3.0, "shear": 0.5, "flip.horizontal": 0.5, "flip.vertical": 0.5,
        "crop": 3, "brightness": 0.5, "contrast": 0.5, "saturation": 0.9, "cutout": 5}.items()},
    **{f"augment.{key}": Trial(1.0, ({"lanes": 4},), input="image") for key in ("mixup", "cutmix")},
    "seed": trial(1), "checkpoint_epochs": trial(2), "checkpoint_steps": trial(1), "checkpoints": trial(1),
    "max_restarts": trial(0), "deadline_s": trial(60.0),
    "cache.folder": Trial("/tmp/laketrain-cache", input="compressed image"),
    "cache.gb": Trial(1.0, ({"cache": {"folder": "/tmp/laketrain-cache"}},), input="compressed image"),
    "shuffle_window_mb": trial(0.001),
}
"""Every key of `train`."""

NO_WEIGHTS: Mapping[str, str] = {
    "validation": "which rows judge the epochs",
    "ranks.min": "how many processes share the work; results are the same for any number",
    "ranks.max": "how many processes share the work; results are the same for any number",
    "backend": "what connects the ranks; one rank needs nothing",
    "scaling.batch": "times the ranks, of which there may be one",
    "scaling.rate": "times the ranks, of which there may be one",
    "optimizer.gradient_dtype": "how gradients travel between ranks; one rank sends none",
    "metrics": "metrics besides the loss",
    "retrain_when.rows": "when training begins again", "retrain_when.days": "when training begins again",
    "retrain_when.drift": "when training begins again",
    "callbacks": "what they do is theirs",
    "checkpoint_epochs": "what a killed run loses at most", "checkpoint_steps": "what a killed run loses at most",
    "checkpoints": "what is kept of them", "max_restarts": "how often ranks are launched again",
    "deadline_s": "how long a rank may go without a step",
    "cache.folder": "where decoded images are kept", "cache.gb": "how much may be kept",
}
"""Keys that by nature change no weights, with what they change."""

MODELS: Mapping[str, Mapping[str, tuple[Any, Settings]]] = {
    "linear": {"initializer": ("he_uniform", {})},
    "mlp": {"hidden": ([8], {}), "activation": ("tanh", {}), "dropout": (0.5, {}), "batch_norm": (True, {}),
            "categories": ("embedding", {}), "embedding": (8, {}), "initializer": ("he_uniform", {})},
    "cnn": {"filters": (4, {}), "convolutions": (2, {}), "kernel": (2, {}), "dense": (8, {}), "dropout": (0.5, {}),
            "initializer": ("he_uniform", {})},
    "resnet": {"stages": ([1], {"filters": 2}), "filters": (4, {"stages": [1]}), "norm": ("layer", {"stages": [1]}),
               "dropout": (0.5, {"stages": [1]}), "stochastic_depth": (0.5, {"stages": [1]}),
               "initializer": ("he_uniform", {"stages": [1]})},
    "rnn": {"cell": ("lstm", {}), "units": (4, {}), "layers": (2, {}), "bidirectional": (True, {}),
            "dropout": (0.5, {}), "embedding": (8, {}), "initializer": ("he_uniform", {})},
    "tcn": {"filters": (4, {"layers": 1}), "kernel": (2, {"layers": 1}), "layers": (2, {"layers": 1}),
            "pooling": ("last", {"layers": 1}), "dropout": (0.5, {"layers": 1}), "embedding": (8, {"layers": 1}),
            "initializer": ("he_uniform", {"layers": 1})},
    "text": {"embedding": (8, {}), "body": ("convolution", {}), "kernels": ([2], {"body": "convolution"}),
             "filters": (4, {"body": "convolution"}), "dense": (8, {}), "dropout": (0.5, {}),
             "initializer": ("he_uniform", {})},
}
"""Every key of the zoo's models: its value, and other keys that are set with it. The settings of a user's model are
arguments of its function, so they aren't here."""


def train_keys() -> list[str]:
    """Every key of `train` but `model`, dotted, from the config's own models: those of sections below it too."""
    result = []
    for path, section in sections(Train):
        for name, declared in section.model_fields.items():
            dotted = f"{path}.{name}".lstrip(".").replace(".<target>", "").replace(".<name>", "")
            if not any(inner is not section for _, inner in _inner(section, name)) and dotted != "model":
                result.append(declared.alias or dotted)
    return list(dict.fromkeys(result))


def _inner(section: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections that begin at this key."""
    for path, inner in sections(section):
        if path.split(".")[0] == name:
            yield path, inner


def model_keys() -> dict[str, list[str]]:
    """Every key of each model of the zoo."""
    result = {}
    for model in members(AnyModel):
        [tag] = get_args(model.model_fields["name"].annotation)
        result[tag] = [name for name in model.model_fields if name != "name"]
    return {name: keys for name, keys in result.items() if name != "user"}


@cache
def _workload(train: str, inputs: tuple[str, ...], targets: tuple[str, ...]) -> str:
    features = {**{f"in_{index}": INPUTS[kind] for index, kind in enumerate(inputs)},
                **{f"out_{index}": TARGETS[kind] for index, kind in enumerate(targets)}}
    section = json.loads(train)
    if "image" in targets:
        section["model"] = {"use": "train_keys_code:model"}
    document = {
        "name": "keys", "lake": "lake",
        "sources": {"rows": {"format": "parquet", "path": "rows",
                             "schema": {"id": "string", **dict.fromkeys(features, "string")}}},
        "clean": {"rows": {}},
        "convert": {"table": "rows", "features": features,
                    "split": {"by": "id", "fractions": {"train": 0.5, "val": 0.25, "other": 0.25}}},
        "train": section,
    }
    try:
        Workload.of(document)
    except ConfigError as error:
        return "; ".join(map(str, error.problems))
    return ""


def refusal(train: Settings, inputs: Iterable[str], targets: Iterable[str]) -> str:
    """The problems that `laketrain check` reports for a workload with these features; empty if it is accepted."""
    return _workload(json.dumps(train, sort_keys=True), tuple(inputs), tuple(targets))


@dataclass(frozen=True)
class Scope:
    """Where a key applies: the kinds of inputs and of targets with which `check` accepts it, and the problems with the
    other kinds."""

    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    refusals: Mapping[str, str] = field(default_factory=dict)


def targets_of(kind: str) -> tuple[str, ...]:
    """The targets of a workload: one, or all that the zoo makes."""
    return OF_ZOO if kind == SEVERAL else (kind,)


def scope_of(key: str) -> Scope:
    """Where the key of `train` applies."""
    tried = TRIALS[key]

    def problem(source: str, target: str) -> str:
        first = ""
        for _, changed in tried.pairs(key):
            problems = [refusal(section, [source], targets_of(target)) for section in _by_target(changed, target)]
            if "" in problems:
                return ""
            first = first or problems[0]
        return first

    inputs = {kind: problem(kind, tried.target) for kind in INPUTS}
    targets = {kind: problem(tried.input, kind) for kind in (*TARGETS, SEVERAL)}
    return Scope(tuple(kind for kind, text in inputs.items() if not text),
                 tuple(kind for kind, text in targets.items() if not text),
                 {**{f"input {kind}": text for kind, text in inputs.items() if text},
                  **{f"target {kind}": text for kind, text in targets.items() if text}})


def _by_target(section: Settings, target: str) -> list[Settings]:
    """The section, and with several targets also one that sets the loss of only one target."""
    alone = [{**section, "loss": {f"out_{index}": section["loss"], "*": "auto"}}
             for index in range(len(OF_ZOO))] if target == SEVERAL and "loss" in section else []
    return [section, *alone]


def model_settings(model: str, key: str) -> tuple[Settings, Settings]:
    """The model without the key and with it."""
    value, others = MODELS[model][key]
    plain = {"name": model, **others}
    return plain, {**plain, key: value}


def scope_of_model(model: str, key: str) -> Scope:
    """Where the key of a model applies. Inputs that the model doesn't accept are left out."""
    plain, changed = model_settings(model, key)
    accepted = [kind for kind in INPUTS if not refusal({"model": plain}, [kind], ["label"])]
    problems = {kind: refusal({"model": changed}, [kind], ["label"]) for kind in accepted}
    good = tuple(kind for kind in accepted if not problems[kind])
    targets = tuple(kind for kind in (*OF_ZOO, SEVERAL) if not refusal({"model": changed}, good[:1], targets_of(kind)))
    return Scope(good, targets, {f"input {kind}": text for kind, text in problems.items() if text})


def page() -> str:
    """The whole page."""
    every = (*TARGETS, SEVERAL)
    of_train = [_row(f"`{key}`", scope_of(key), every, NO_WEIGHTS.get(key, "weights")) for key in train_keys()]
    of_models = [_row(f"`{model}`: `{key}`", scope_of_model(model, key), (*OF_ZOO, SEVERAL))
                 for model, keys in model_keys().items() for key in keys]
    text = HEAD.read_text("utf-8")
    for name, columns, rows in (("train", ("key", "inputs", "targets", "changes"), of_train),
                                ("models", ("key", "inputs", "targets"), of_models)):
        head = [f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)]
        text = text.replace(f"<!-- {name} -->", "\n".join([*head, *rows]))
    return text


def _row(key: str, scope: Scope, targets: Iterable[str], *more: str) -> str:
    return f"| {' | '.join((key, _kinds(scope.inputs, INPUTS), _kinds(scope.targets, targets), *more))} |"


def _kinds(kinds: tuple[str, ...], every: Iterable[str]) -> str:
    return "all" if set(kinds) == set(every) else ", ".join(kinds)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
