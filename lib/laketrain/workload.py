"""A checked workload: the config, its features and its model, with everything wrong told before Spark starts.

    job = Job.load("conf/mnist.yaml", sets=["train.epochs=3"])
    job.workload.train.epochs, job.features["image"].shape, job.model
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from laketrain.config import Document, Workload, load
from laketrain.config.calls import call_problem
from laketrain.config.columns import Columns
from laketrain.config.evaluate import METRICS_OF, Predict
from laketrain.config.integrate import Known
from laketrain.config.names import alike, hidden_by_answers, hidden_by_window
from laketrain.config.problems import explain
from laketrain.errors import ConfigError, DataError, LakeError, Problem, nearest
from laketrain.features import Feature, FeatureSet, Label, Multilabel
from laketrain.features.answers import columns_of
from laketrain.features.base import fitted_fields
from laketrain.feed.augment.augmenter import misfit
from laketrain.lake import Lake
from laketrain.models import ModelBox
from laketrain.models.idle import unfit_or_idle


@dataclass(frozen=True)
class Job:
    """A workload and what only later rooms can parse of it."""

    workload: Workload
    features: FeatureSet | None
    model: Any
    source: str

    @classmethod
    def load(cls, path: str | Path, sets: Sequence[str] = (), lake: str | None = None) -> Job:
        """Raises ConfigError with all problems of the file and of `sets` at once."""
        workload, document = load(path, sets, lake, parsers=[_feature_problems, _model_problems])
        features = FeatureSet.model_validate(workload.convert.features) if workload.convert else None
        model = ModelBox.model_validate(workload.train.model).root if workload.train else None
        problems = [*_prediction_problems(workload, features, document), *_misfits(model, features, document),
                    *_gate_problems(workload, features, document),
                    *_augment_problems(workload, features, document), *_call_problems(workload, document),
                    *_aim_problems(workload, features, document), *_lake_problems(workload, document)]
        if problems:
            raise ConfigError(document.source, problems)
        return cls(workload, features, model, document.source)


def _feature_problems(document: Document) -> Iterable[Problem]:
    section = document.data.get("convert")
    features = section.get("features") if isinstance(section, dict) else None
    if not isinstance(features, dict) or not features:
        return
    try:
        parsed = FeatureSet.model_validate(features)
    except ValidationError as error:
        yield from explain(error, FeatureSet, document, ("convert", "features"))
        return
    path = ("convert", "features")
    if (twins := alike(parsed)) is not None:
        yield Problem(".".join(path), f"{twins[0]!r} and {twins[1]!r} differ by capitals alone, and name columns that "
                      "Spark can't tell apart", "Rename one of them", document.line((*path, twins[1])))
    for name, feature in parsed.items():
        for key in fitted_fields(feature) & set(features[name]):
            place = (*path, name, key)
            yield Problem(document.where(place), "is learnt from the train split, not set", "Remove it",
                          document.line(place))
        idle = list(feature.idle())
        if {"column", "columns"} <= set(features[name]):
            idle.append(("column", "is one of its own, and the feature is made of `columns`"))
        for key, why in idle:
            place = (*path, name, key)
            yield Problem(document.where(place), f"would change nothing: it {why}", "Remove it", document.line(place))
    if "train" in document.data and not parsed.inputs:
        yield Problem(".".join(path), "no feature has the role input, so there is nothing to learn from",
                      "Declare one, e.g. image: {kind: image, …}", document.line(path))
    if "train" in document.data and not parsed.targets:
        yield Problem(".".join(path), "no feature has the role target, so there is nothing to learn",
                      "Declare one, e.g. label: {kind: label, classes: 10}", document.line(path))


def _model_problems(document: Document) -> Iterable[Problem]:
    section = document.data.get("train")
    model = section.get("model") if isinstance(section, dict) else None
    if not isinstance(model, dict):
        return
    try:
        ModelBox.model_validate(model)
    except ValidationError as error:
        yield from explain(error, ModelBox, document, ("train", "model"))


def _prediction_problems(workload: Workload, features: FeatureSet | None, document: Document) -> Iterable[Problem]:
    """The table to be scored has the columns that the model's inputs come from."""
    if workload.predict is None or features is None:
        return
    path, table = ("predict", "table"), Columns(workload).table(workload.predict.table)
    if workload.predict.model is None or workload.predict.model.partition("@")[0] == f"models/{workload.name}":
        yield from _answer_problems(workload.predict, features, table, document)
    windows = workload.convert.windows if workload.convert else None
    known = table if table is None or windows is None else windows.columns(table, future=False)
    for name, feature in features.inputs.items():
        for column in feature.columns:
            if known is not None and column not in known:
                yield Problem(document.where(path), f"{workload.predict.table} has no column {column!r}, which the "
                              f"model's input {name!r} comes from", nearest(column, known), document.line(path))
            elif table is not None and (told := hidden_by_window(column, windows, table)):
                yield Problem(document.where(path), f"{workload.predict.table}: {column!r} {told[0]}", told[1],
                              document.line(path))


def _answer_problems(predict: Predict, features: FeatureSet, table: Known, document: Document) -> Iterable[Problem]:
    """A table can hold the answers, and what is kept beside them, named or else the columns of the keys, has no name of
    theirs."""
    targets = features.targets
    if predict.probabilities and targets and not any(isinstance(one, Label | Multilabel) for one in targets.values()):
        place = ("predict", "probabilities")
        yield Problem(document.where(place), "would change nothing: it is for classes, and the targets are "
                      f"{_kinds(targets)}", "Remove it", document.line(place))
    path = ("predict", "keep") if predict.keep else ("predict",)
    of_keys = dict.fromkeys(column for feature in features.ids.values() for column in feature.columns)
    kept = predict.keep or [column for column in of_keys if table is None or column in table]
    try:
        told = hidden_by_answers(kept, columns_of(targets, predict.probabilities), predict.only_new)
    except DataError as error:
        if targets:  # that there is none is told of the features
            yield Problem(document.where(("predict",)), f"{error.subject} {error.problem}",
                          error.hint[:1].upper() + error.hint[1:], document.line(("predict",)))
        return
    if told is not None:
        yield Problem(document.where(path), *told, document.line(path))


def _misfits(model: Any, features: FeatureSet | None, document: Document) -> Iterable[Problem]:
    """The model takes the features, as far as that can be told before anything is learnt; a model of the user's own is
    there."""
    if model is None or features is None or not features.inputs or not features.targets:
        return
    path = ("train", "model")
    why = model.misfit(features)
    if why is not None:
        hint = why[1][:1].upper() + why[1][1:]
        yield Problem(document.where(path), f"model {model.name!r} {why[0]}", hint, document.line(path))


def _call_problems(workload: Workload, document: Document) -> Iterable[Problem]:
    """The user's own functions of `train` are there."""
    for call, key in workload.train.calls.items() if workload.train else ():
        told = call_problem(call)
        if told is not None:
            yield Problem(document.where(("train", key)), *told, document.line(("train", key)))


def _aim_problems(workload: Workload, features: FeatureSet | None, document: Document) -> Iterable[Problem]:
    """Losses, metrics and what is monitored suit the targets, and no setting would do nothing."""
    if workload.train is None or features is None or not features.targets or not features.inputs:
        return
    if workload.train.validation is None and document.data["train"].get("keep") == "best":  # the default says no word
        kept = ("train", "keep")
        yield Problem(document.where(kept), "the best epoch is known by a validation split, and there is none",
                      "Name one in 'train.validation', or write keep: last", document.line(kept))
    for path, subject, problem, hint in unfit_or_idle(workload.train, features):
        place = ("train", *path)
        yield Problem(document.where(place), f"{subject}: {problem}", hint[:1].upper() + hint[1:], document.line(place))


def _lake_problems(workload: Workload, document: Document) -> Iterable[Problem]:
    """The lake is of a storage that we know. Nobody asks it yet."""
    try:
        Lake(workload.lake)
    except LakeError as error:
        yield Problem(document.where(("lake",)), error.problem, error.hint, document.line(("lake",)))


def _augment_problems(workload: Workload, features: FeatureSet | None, document: Document) -> Iterable[Problem]:
    """Images can be seen as `train.augment` asks, and mixed if it does."""
    augment = workload.train.augment if workload.train else None
    why = misfit(augment, features.inputs, features.targets) if augment is not None and features is not None else None
    if why is not None:
        path = ("train", *why[0].split("."))
        yield Problem(document.where(path), *why[1:], document.line(path))


def _gate_problems(workload: Workload, features: FeatureSet | None, document: Document) -> Iterable[Problem]:
    """Each metric of the gate is one of a target: `metric`, or `target.metric`, which it must be of several."""
    gate = workload.evaluate.gate if workload.evaluate else {}
    targets = features.targets if features else {}
    of = {name: METRICS_OF.get(feature.kind, ()) for name, feature in targets.items()}
    dotted = [f"{name}.{metric}" for name, metrics in of.items() for metric in metrics]
    plain = [metric for metrics in of.values() for metric in metrics] if len(of) == 1 else []
    said = _kinds(targets)
    for name in gate:
        if targets and name not in (*dotted, *plain):
            path = ("evaluate", "gate", name)
            yield Problem(document.where(path), f"{name!r} is no metric of the targets {said}",
                          nearest(name, plain or dotted), document.line(path))


def _kinds(features: Mapping[str, Feature]) -> str:
    return ", ".join(f"{name} ({feature.kind})" for name, feature in features.items())
