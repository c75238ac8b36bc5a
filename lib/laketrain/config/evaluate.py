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


def limit(bound: str) -> tuple[str, float]:
    """The sign and the number of a bound such as `>= 0.95`. Raises ValueError where it is none."""
    match = _BOUND.fullmatch(bound)
    if match is None or not math.isfinite(float(match[2])):
        raise ValueError(f"{bound!r} is no bound such as '>= 0.95'")
    return match[1], float(match[2])


def _bound(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        limit(str(value))
    except ValueError:
        number = str(value).strip()
        bare = _BOUND.fullmatch(f">= {number}") is not None
        raise ValueError(f"received {value!r}, expected a bound such as '>= 0.95'",
                         f"Write which side is good: '>= {number}' or '<= {number}'" if bare else "") from None
    return value


Bound = Annotated[str, BeforeValidator(_bound)]
"""A sign and a finite number."""

GATED = Vocabulary("accuracy", "macro_precision", "macro_recall", "macro_f1", "loss", "micro_f1", "subset_accuracy",
                   "mae", "rmse", "r2", "mape")
BASELINES = Vocabulary("majority", "mean", "last", "linear")


def _known_metric(name: str) -> str:
    metric = name.rpartition(".")[2]
    if metric not in GATED:
        raise ValueError(f"there is no metric {metric!r}. {nearest(metric, sorted(GATED))}")
    return name


GatedMetric = Annotated[str, AfterValidator(_known_metric)]
"""A metric by its name or, where there are several targets, as `target.metric`."""

BaselineName = Annotated[str, AfterValidator(BASELINES.check)]


class Evaluate(Section):
    """The committed model on rows that it never saw, beside baselines; below the gate the run fails."""

    split: SplitName = "test"
    """The split that is measured."""
    baselines: list[BaselineName] = Field(default=["majority", "mean", "last", "linear"])
    """What is measured beside the model, on the same rows, each where it fits the target: always saying the most
    frequent class (`majority`) or the mean (`mean`) of the train split, the last value that the input holds of the
    series that is forecast (`last`), and a linear model of the inputs."""
    gate: dict[GatedMetric, Bound] = Field(default_factory=dict)
    """Bounds that the model must keep, by metric; by default it passes."""
    worst: int = Field(default=24, ge=0, le=500)
    """How many of the worst mistakes the report shows."""


class Predict(Section):
    """Scores every row of the clean or integrated table `table` with the committed model."""

    table: Name
    """The integrated table whose rows are scored or, where there is none of that name, the clean one."""
    model: Annotated[str, StringConstraints(pattern=r"^models/[A-Za-z0-9][A-Za-z0-9_-]*(@[1-9][0-9]*)?$")] | None = None
    """The model, if not the workload's newest: `models/<name>`, or one version of it as `models/<name>@3`."""
    name: Name | None = None
    """What the predictions are called in the lake; by default as the table is."""
    batch: int = Field(default=512, ge=1)
    """Rows that the model sees at once; it changes speed and memory, nothing else."""
    keep: list[str] = Field(default_factory=list)
    """Columns of the table that stand beside the predictions."""
    probabilities: bool = False
    """Whether the probabilities of all classes stand beside the predicted ones, in the order of the classes."""
    only_new: bool = False
    """Whether rows that the same model has answered before keep their answers, so that it is asked only about new ones.
    Worth it where the model costs more than reading the table does."""
