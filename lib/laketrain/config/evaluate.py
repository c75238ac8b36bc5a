"""Evaluation and prediction.

    evaluate: {split: test, gate: {accuracy: ">= 0.95"}}
    predict: {table: unlabelled}
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from laketrain.config.base import Name, Section, SplitName
from laketrain.config.vocabulary import Vocabulary
from laketrain.errors import nearest

_BOUND = re.compile(r"(>=|<=|>|<) *([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)")


def parse_bound(bound: str) -> tuple[str, float]:
    """The comparison and the number of a bound such as `>= 0.95`. Raises ValueError for other texts."""
    match = _BOUND.fullmatch(bound)
    if match is None or not math.isfinite(float(match[2])):
        raise ValueError(f"{bound!r} isn't a bound such as '>= 0.95'")
    return match[1], float(match[2])


def _bound(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        parse_bound(str(value))
    except ValueError:
        number = str(value).strip()
        bare = _BOUND.fullmatch(f">= {number}") is not None
        raise ValueError(f"received {value!r}, expected a bound such as '>= 0.95'",
                         f"Write a comparison: '>= {number}' or '<= {number}'" if bare else "") from None
    return value


Bound = Annotated[str, BeforeValidator(_bound)]
"""A comparison and a finite number."""

GATED = Vocabulary("accuracy", "macro_precision", "macro_recall", "macro_f1", "loss", "micro_f1", "subset_accuracy",
                   "mae", "rmse", "r2", "mape")
BASELINES = Vocabulary("majority", "mean", "last", "linear")


def _check_metric(name: str) -> str:
    metric = name.rpartition(".")[2]
    if metric not in GATED:
        raise ValueError(f"there is no metric {metric!r}. {nearest(metric, sorted(GATED))}")
    return name


GatedMetric = Annotated[str, AfterValidator(_check_metric)]
"""The name of a metric or, if there are several targets, `target.metric`."""

BaselineName = Annotated[str, AfterValidator(BASELINES.check)]


class Evaluate(Section):
    """Evaluates the committed model and baselines on rows that it wasn't trained on. If the model fails the gate, the
    run fails."""

    split: SplitName = "test"
    """The split that is evaluated."""
    baselines: list[BaselineName] = Field(default=["majority", "mean", "last", "linear"])
    """Baselines that are evaluated on the same rows, each if it suits the target. `majority`: always the most frequent
    class of the train split. `mean`: always the mean of the train split. `last`: the last value of the forecast series
    that the input contains. `linear`: a linear model of the inputs."""
    gate: dict[GatedMetric, Bound] = Field(default_factory=dict)
    """Bounds of the model's metrics, by metric. If one doesn't hold, the run fails. By default there are none."""
    worst: int = Field(default=24, ge=0, le=500)
    """How many of the worst predictions the report shows."""


class Predict(Section):
    """Predicts every row of a clean or integrated table with the committed model."""

    table: Name
    """The table whose rows are predicted: the integrated table of that name or, if there is none, the clean one."""
    model: Annotated[str, StringConstraints(pattern=r"^models/[A-Za-z0-9][A-Za-z0-9_-]*(@[1-9][0-9]*)?$")] | None = None
    """The model: `models/<name>`, or one version of it as `models/<name>@3`; by default the workload's newest."""
    name: Name | None = None
    """The name of the predictions in the lake; by default that of the table."""
    batch: int = Field(default=512, ge=1)
    """The batch size. It affects only speed and memory."""
    keep: list[str] = Field(default_factory=list)
    """Columns of the table that are added to the predictions; by default those of features of kind key."""
    probabilities: bool = False
    """Whether to add the probabilities of all classes, in the order of the classes."""
    only_new: bool = False
    """Whether to predict only rows that the same model hasn't predicted before, and to copy the other predictions. It
    saves time if the model is slower than reading the table."""
