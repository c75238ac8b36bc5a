"""The predictions of a table: rows of each class, or statistics of the predicted numbers.

    predictions(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laketrain.lake.manifests import PredictionsManifest
from laketrain.report import format as fmt
from laketrain.report.run import Run
from laketrain.report.sections.evaluation import MOST_IN_TABLE


@dataclass(frozen=True)
class PredictedClass:
    """How often a class was predicted; `part` is its rows as a fraction of the most frequent class's."""

    label: str
    rows: int
    share: float
    part: float


@dataclass(frozen=True)
class TargetPredictions:
    """The predictions of one target: `shown` of `count` classes, or statistics of numbers. `target` is empty if there
    is only one."""

    target: str
    shown: list[PredictedClass]
    count: int
    numbers: list[tuple[str, str]]


@dataclass(frozen=True)
class Predictions:
    """A table with the predictions of each target."""

    ref: str
    rows: Any
    quarantined: Any
    targets: list[TargetPredictions]


def predictions(run: Run) -> Predictions | None:
    """The predictions of each target; None if the run predicted nothing."""
    version = run.last("predict")
    if version is None:
        return None
    counts = version.entry.counts
    predicted = PredictionsManifest.of(version).predicted or {"": {"classes": counts.get("classes")}}
    targets = [_of_target(target if len(predicted) > 1 else "", recorded, counts.get("out") or 0)
               for target, recorded in predicted.items() if recorded.get("classes") or recorded.get("values")]
    return Predictions(version.ref, counts.get("out"), counts.get("quarantined"), targets) if targets else None


def _of_target(target: str, recorded: Mapping[str, Any], rows: int) -> TargetPredictions:
    classes: Mapping[str, int] = recorded.get("classes") or {}
    numbers = [(name, fmt.metric(value)) for name, value in (recorded.get("values") or {}).items()]
    most = max(classes.values(), default=0)
    shown = [PredictedClass(label, count, count / max(1, rows), count / max(1, most))
             for label, count in sorted(classes.items(), key=lambda item: _by_number(item[0]))]
    if len(shown) > MOST_IN_TABLE:
        shown = sorted(shown, key=lambda line: -line.rows)[:MOST_IN_TABLE]
    return TargetPredictions(target, shown, len(classes), numbers)


def _by_number(label: str) -> tuple[int, str]:
    """Sorts 2 before 10, and names after numbers."""
    return (int(label), "") if label.isascii() and label.isdigit() else (10**9, label)
