"""What the page says of the model's worth: beside baselines and gate, class by class, and in its predictions.

    comparison(run), confusion(run), classes(run), predictions(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from laketrain.report import words
from laketrain.report.pictures import heat
from laketrain.report.run import Run

# More classes than this, and a table of them all would be no one's to read.
MOST_IN_MATRIX = 20
MOST_IN_TABLE = 40
_PAIRS = 12


@dataclass(frozen=True)
class Contender:
    """A model or a baseline with its accuracy."""

    name: str
    accuracy: float
    ours: bool


@dataclass(frozen=True)
class Bound:
    """One bound of the gate."""

    metric: str
    bound: str
    value: str
    holds: bool


@dataclass(frozen=True)
class Comparison:
    """The model beside its baselines; `line` is the accuracy that the gate asks for."""

    split: str
    rows: Any
    contenders: list[Contender]
    line: float | None
    bounds: list[Bound]
    metrics: list[tuple[str, str]]


@dataclass(frozen=True)
class Cell:
    """Rows of one true class that were said to be another (or the same), and their share of the true class."""

    rows: int
    share: float
    right: bool


@dataclass(frozen=True)
class Pair:
    """A true class and what it is taken for."""

    true: str
    predicted: str
    rows: int


@dataclass(frozen=True)
class Confusion:
    """`cells` by true, then predicted class; for many classes `picture` and no cells."""

    labels: list[str]
    cells: list[list[Cell]]
    picture: str | None
    alt: str
    pairs: list[Pair]


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int


@dataclass(frozen=True)
class Classes:
    """`shown` of `count` classes: all of them, or those with the lowest F1."""

    shown: list[ClassScores]
    count: int


@dataclass(frozen=True)
class Predicted:
    """How often a class was predicted; `part` is of the most frequent one."""

    label: str
    rows: int
    share: float
    part: float


@dataclass(frozen=True)
class Predictions:
    """What a table was predicted to be."""

    ref: str
    rows: Any
    quarantined: Any
    shown: list[Predicted]
    count: int


def comparison(run: Run) -> Comparison | None:
    """Accuracy against the baselines', and the gate's bounds."""
    version = run.last("evaluate")
    metrics = version.entry.meta.get("metrics") if version else None
    if version is None or not metrics:
        return None
    meta, config = version.entry.meta, run.record.workload.evaluate
    gate: Mapping[Any, str] = config.gate if config else {}
    contenders = [Contender(run.model.ref if run.model else "the model", metrics["accuracy"], True)]
    contenders += [Contender(str(name), value, False) for name, value in (meta.get("baselines") or {}).items()
                   if words.is_number(value)]
    bounds = [_bound(name, bound, metrics) for name, bound in gate.items()]
    said = [(name.replace("_", " "), words.metric(value)) for name, value in metrics.items() if words.is_number(value)]
    return Comparison(str(meta.get("split", "")), version.entry.counts.get("rows"),
                      sorted(contenders, key=lambda contender: -contender.accuracy), _line(gate), bounds, said)


def _bound(name: str, bound: str, metrics: Mapping[str, Any]) -> Bound:
    from laketrain.evaluate.gate import holds

    value = metrics.get(name)
    kept = words.is_number(value) and holds(value, bound)
    return Bound(name.replace("_", " "), words.bound(bound), words.metric(value), kept)


def _line(gate: Mapping[Any, str]) -> float | None:
    bound = gate.get("accuracy")
    line = float(bound.lstrip("<>= ")) if bound else None
    return line if line is not None and 0 <= line <= 1 else None


def confusion(run: Run) -> Confusion | None:
    """Which class is taken for which."""
    version = run.last("evaluate")
    found = version.entry.meta.get("confusion") if version else None
    if version is None or not found:
        return None
    matrix = np.asarray(found, np.int64)
    labels = [str(label) for label in version.entry.meta.get("labels") or range(len(matrix))]
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    wrong = int(matrix.sum() - np.trace(matrix))
    alt = f"Confusion matrix of {len(labels)} classes: {words.count(wrong)} of {words.rows(int(matrix.sum()))} wrong"
    pairs = _pairs(matrix, labels)
    if len(labels) > MOST_IN_MATRIX:
        return Confusion(labels, [], heat(matrix), alt, pairs)
    cells = [[Cell(int(rows), float(shares[i, j]), i == j) for j, rows in enumerate(line)]
             for i, line in enumerate(matrix)]
    return Confusion(labels, cells, None, alt, pairs)


def _pairs(matrix: Any, labels: list[str]) -> list[Pair]:
    """The commonest mistakes."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    places = [divmod(int(place), len(matrix)) for place in order]
    return [Pair(labels[i], labels[j], int(wrong[i, j])) for i, j in places if wrong[i, j]]


def classes(run: Run) -> Classes | None:
    """Precision, recall and F1 of each class."""
    version = run.last("evaluate")
    found = (version.entry.meta.get("metrics") or {}).get("classes") if version else None
    if not found:
        return None
    scores = [ClassScores(str(one["label"]), one["precision"], one["recall"], one["f1"], one["rows"]) for one in found]
    shown = scores if len(scores) <= MOST_IN_TABLE else sorted(scores, key=lambda one: one.f1)[:MOST_IN_TABLE]
    return Classes(shown, len(scores))


def predictions(run: Run) -> Predictions | None:
    """How many rows of each class were predicted."""
    version = run.last("predict")
    found = version.entry.counts.get("classes") if version else None
    if version is None or not found:
        return None
    total, most = sum(found.values()), max(found.values())
    shown = [Predicted(label, rows, rows / max(1, total), rows / max(1, most))
             for label, rows in sorted(found.items(), key=lambda item: _by_number(item[0]))]
    if len(shown) > MOST_IN_TABLE:
        shown = sorted(shown, key=lambda one: -one.rows)[:MOST_IN_TABLE]
    counts = version.entry.counts
    return Predictions(version.ref, counts.get("out"), counts.get("quarantined"), shown, len(found))


def _by_number(label: str) -> tuple[int, str]:
    """Sorts 2 before 10, and names after numbers."""
    return (int(label), "") if label.isascii() and label.isdigit() else (10**9, label)
