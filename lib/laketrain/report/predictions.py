"""What the page says of a table that was scored: how many rows of each class, or where the predicted numbers lie.

    predictions(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from laketrain.report import words
from laketrain.report.evaluation import MOST_IN_TABLE
from laketrain.report.run import Run


@dataclass(frozen=True)
class Predicted:
    """How often a class was predicted; `part` is of the most frequent one."""

    label: str
    rows: int
    share: float
    part: float


@dataclass(frozen=True)
class Answers:
    """What a table was predicted to be by one target: `shown` of `count` classes, or where the numbers lie. `target` is
    empty where there is only one."""

    target: str
    shown: list[Predicted]
    count: int
    numbers: list[tuple[str, str]]


@dataclass(frozen=True)
class Predictions:
    """A table and what it was predicted to be."""

    ref: str
    rows: Any
    quarantined: Any
    answers: list[Answers]


def predictions(run: Run) -> Predictions | None:
    """What each target was predicted to be."""
    version = run.last("predict")
    if version is None:
        return None
    counts = version.entry.counts
    found = version.entry.meta.get("predicted") or {"": {"classes": counts.get("classes")}}
    answers = [_answers(target if len(found) > 1 else "", one, counts.get("out") or 0) for target, one in found.items()
               if one.get("classes") or one.get("values")]
    return Predictions(version.ref, counts.get("out"), counts.get("quarantined"), answers) if answers else None


def _answers(target: str, found: Mapping[str, Any], rows: int) -> Answers:
    classes: Mapping[str, int] = found.get("classes") or {}
    numbers = [(name, words.metric(value)) for name, value in (found.get("values") or {}).items()]
    most = max(classes.values(), default=0)
    shown = [Predicted(label, count, count / max(1, rows), count / max(1, most))
             for label, count in sorted(classes.items(), key=lambda item: _by_number(item[0]))]
    if len(shown) > MOST_IN_TABLE:
        shown = sorted(shown, key=lambda one: -one.rows)[:MOST_IN_TABLE]
    return Answers(target, shown, len(classes), numbers)


def _by_number(label: str) -> tuple[int, str]:
    """Sorts 2 before 10, and names after numbers."""
    return (int(label), "") if label.isascii() and label.isdigit() else (10**9, label)
