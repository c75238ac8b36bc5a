"""Builds a workload from the estimator's Params, so that they are checked like a YAML file, all at once.

    workload = to_workload(estimator, df.columns, "local[2]")     # ConfigError with every mistake, before anything runs
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from laketrain.config.spark import local_slots
from laketrain.errors import ConfigError, Problem
from laketrain.ml.draw import ROW
from laketrain.ml.params import FittingParams
from laketrain.workload import Workload

_REQUIRED = ("lake", "features", "train")
_TUNED = ("epochs", "batch", "ranks")


def to_workload(fitting: FittingParams, columns: Sequence[str], master: str) -> Workload:
    """The workload of a fit on a DataFrame with these columns. Raises ConfigError with all problems."""
    source = f"{type(fitting).__name__} {fitting.uid}"
    missing = [name for name in _REQUIRED if not fitting.isDefined(name)]
    if missing:
        raise ConfigError(source, [Problem(name, "is not set", f"Give it: {fitting.getParam(name).doc}")
                                   for name in missing])
    try:
        workload = Workload.of(document(fitting, columns, master), source)
    except ConfigError as error:
        raise ConfigError(source, _in_params(error.problems)) from None
    if workload.convert is not None and workload.convert.windows is not None:
        raise ConfigError(source, [Problem("convert.windows", "rows in windows are no longer the DataFrame's rows, so "
                                           "transform couldn't give each its prediction", "Use a workload for them")])
    return workload


def document(fitting: FittingParams, columns: Sequence[str], master: str) -> dict[str, Any]:
    """The workload as the document of a YAML file. Of the columns only names matter; convert checks their types."""
    name, split, train = fitting.getOrDefault("name"), _split(fitting), _train(fitting)
    if "val" not in split.get("fractions", {"val": None}):
        train = {"validation": None, **train}
    names = [*columns, *([ROW] if split.get("by") == ROW else [])]
    return {
        "name": name, "lake": fitting.getOrDefault("lake"),
        **({} if local_slots(master) is None else {"spark": {"master": master}}),
        "sources": {name: {"format": "parquet", "path": "/", "schema": dict.fromkeys(names, "string")}},
        "clean": {name: {}},
        "convert": {**fitting.getOrDefault("convert"), "table": name, "features": fitting.getOrDefault("features"),
                    "split": split},
        "train": train,
    }


def _split(fitting: FittingParams) -> dict[str, Any]:
    if fitting.isDefined("split"):
        declared: dict[str, Any] = fitting.getOrDefault("split")
        return declared
    part = fitting.getOrDefault("validationFraction")
    fractions = {"train": 1.0} if part == 0 else {"train": 1 - part, "val": part}
    return {"by": ROW, "fractions": fractions, "seed": fitting.getOrDefault("seed")}


def _train(fitting: FittingParams) -> dict[str, Any]:
    """The train section, with the Params that override its keys."""
    section = dict(fitting.getOrDefault("train"))
    section.update({name: fitting.getOrDefault(name) for name in _TUNED if fitting.isDefined(name)})
    if fitting.isSet("seed") or "seed" not in section:
        section["seed"] = fitting.getOrDefault("seed")
    if fitting.isDefined("learningRate"):
        section["optimizer"] = {**section.get("optimizer", {}), "learning_rate": fitting.getOrDefault("learningRate")}
    return section


def _in_params(problems: Sequence[Problem]) -> list[Problem]:
    """The problems without line numbers, and with the names of Params in place of sections."""
    return [replace(problem, line=None, where=_in_param(problem.where)) for problem in problems]


def _in_param(where: str) -> str:
    for section in ("features", "split"):
        if where.startswith(f"convert.{section}"):
            return where.removeprefix("convert.")
    return where
