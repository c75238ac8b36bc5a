"""A fit is a small workload: the estimator's Params become one, which is checked as any YAML is, all at once.

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

_NEEDED = ("lake", "features", "train")
_TUNED = ("epochs", "batch", "ranks")


def to_workload(fitting: FittingParams, columns: Sequence[str], master: str) -> Workload:
    """What `fitting` asks for, of a DataFrame with these columns. Raises ConfigError with everything that is wrong."""
    source = f"{type(fitting).__name__} {fitting.uid}"
    absent = [name for name in _NEEDED if not fitting.isDefined(name)]
    if absent:
        raise ConfigError(source, [Problem(name, "is not set", f"Give it: {fitting.getParam(name).doc}")
                                   for name in absent])
    try:
        workload = Workload.of(document(fitting, columns, master), source)
    except ConfigError as error:
        raise ConfigError(source, _in_params(error.problems)) from None
    if workload.convert is not None and workload.convert.windows is not None:
        raise ConfigError(source, [Problem("convert.windows", "rows in windows are no longer the DataFrame's rows, so "
                                           "transform couldn't give each its prediction", "Use a workload for them")])
    return workload


def document(fitting: FittingParams, columns: Sequence[str], master: str) -> dict[str, Any]:
    """The workload, as its YAML would say it. Only the columns' names count: their types are for convert to judge."""
    name, split, train = fitting.getOrDefault("name"), _split(fitting), _train(fitting)
    if "val" not in split.get("fractions", {"val": None}):
        train = {"validation": None, **train}
    known = [*columns, *([ROW] if split.get("by") == ROW else [])]
    return {
        "name": name, "lake": fitting.getOrDefault("lake"),
        **({} if local_slots(master) is None else {"spark": {"master": master}}),
        "sources": {name: {"format": "parquet", "path": "/", "schema": dict.fromkeys(known, "string")}},
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
    """The section, with what is a Param of its own in it."""
    section = dict(fitting.getOrDefault("train"))
    section.update({name: fitting.getOrDefault(name) for name in _TUNED if fitting.isDefined(name)})
    if fitting.isSet("seed") or "seed" not in section:
        section["seed"] = fitting.getOrDefault("seed")
    if fitting.isDefined("learningRate"):
        section["optimizer"] = {**section.get("optimizer", {}), "learning_rate": fitting.getOrDefault("learningRate")}
    return section


def _in_params(problems: Sequence[Problem]) -> list[Problem]:
    """Without the lines of a file that nobody wrote, and with places as the Params call them."""
    return [replace(problem, line=None, where=_place(problem.where)) for problem in problems]


def _place(where: str) -> str:
    for section in ("features", "split"):
        if where.startswith(f"convert.{section}"):
            return where.removeprefix("convert.")
    return where
