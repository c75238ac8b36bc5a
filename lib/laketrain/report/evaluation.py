"""What the page says of the model's worth: beside baselines and gate, and class by class; of each target in turn.

    comparison(run), confusion(run), classes(run)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from laketrain.lake import Version
from laketrain.report import words
from laketrain.report.pictures import heat
from laketrain.report.run import Run
from laketrain.tasks import task_of_section

# More classes than this, and a table of them all would be no one's to read.
MOST_IN_MATRIX = 20
MOST_IN_TABLE = 40
_PAIRS = 12


@dataclass(frozen=True)
class Contender:
    """A model or a baseline with its figure, in words, and the part of its bar."""

    name: str
    value: float
    said: str
    part: float
    ours: bool


@dataclass(frozen=True)
class Bound:
    """One bound of the gate."""

    metric: str
    bound: str
    value: str
    holds: bool


@dataclass(frozen=True)
class Compared:
    """The model beside its baselines in what one target says; `line` is what the gate asks of the figure, where that
    is a share. `target` is empty where there is only one."""

    target: str
    figure: str
    contenders: list[Contender]
    line: float | None
    metrics: list[tuple[str, str]]
    note: str


@dataclass(frozen=True)
class Comparison:
    """What was measured, target by target, on which rows (`on`), and the gate's bounds."""

    on: str
    targets: list[Compared]
    bounds: list[Bound]


@dataclass(frozen=True)
class Cell:
    """Rows of one true class that were said to be another (or the same), or their weight, and the share of the true
    class."""

    said: str
    share: float
    right: bool


@dataclass(frozen=True)
class Pair:
    """A true class and what it is taken for, and how often: in rows, or in their weight."""

    true: str
    predicted: str
    said: str


@dataclass(frozen=True)
class Confusion:
    """`cells` by true, then predicted class, of rows or of their weights (`what`); for many classes `picture` and no
    cells."""

    target: str
    labels: list[str]
    cells: list[list[Cell]]
    picture: str | None
    alt: str
    pairs: list[Pair]
    what: str


@dataclass(frozen=True)
class ClassScores:
    """How well one class is told, None where nothing was measured of it; `weight` of its rows, where these have
    weights."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    rows: int
    weight: str


@dataclass(frozen=True)
class Classes:
    """`shown` of `count` classes: all of them, or those with the lowest F1."""

    target: str
    shown: list[ClassScores]
    count: int


def comparison(run: Run) -> Comparison | None:
    """Each target's figure against the baselines', and the gate's bounds."""
    version = run.last("evaluate")
    metrics = version.entry.meta.get("metrics") if version else None
    if version is None or not metrics:
        return None
    meta, config = version.entry.meta, run.record.workload.evaluate
    gate: Mapping[Any, str] = config.gate if config else {}
    ours = run.model.ref if run.model else "the model"
    return Comparison(words.measured_on(version.entry.counts, f"split {meta.get('split', '')}"),
                      [_compared(target, section, ours, gate) for target, section in parts_of(version)],
                      [_bound(name, bound, metrics) for name, bound in gate.items()])


def parts_of(version: Version | None) -> list[tuple[str, dict[str, Any]]]:
    """Each target with what was measured of it; the only one has no name."""
    from laketrain.evaluate.results import sections

    found = sections(version.entry.meta) if version else {}
    return [(target if len(found) > 1 else "", section) for target, section in found.items()]


def _compared(target: str, section: Mapping[str, Any], ours: str, gate: Mapping[Any, str]) -> Compared:
    task = task_of_section(section)
    figure, larger, share = task.headline.metric, task.headline.mode == "max", task.headline.is_share
    values = [(ours, section["metrics"].get(figure), True)]
    values += [(str(name), value, False) for name, value in (section.get("baselines") or {}).items()]
    known = [(name, value, mine) for name, value, mine in values if words.is_number(value)]
    most = max((abs(value) for _, value, _ in known), default=0.0) or 1.0
    contenders = [Contender(name, value, words.share(value) if share else words.metric(value),
                            value if share else value / most, mine) for name, value, mine in known]
    said = [(name.replace("_", " "), words.metric(value)) for name, value in task.facts(section).items()]
    ordered = sorted(contenders, key=lambda contender: -contender.value if larger else contender.value)
    return Compared(target, task.headline.title, ordered, _line(gate, target, figure) if share else None, said,
                    _note(section))


def _note(section: Mapping[str, Any]) -> str:
    """On how many rows the baselines were learnt and measured: those of the model, but in evaluations of before."""
    rows = list((section.get("baseline_rows") or {}).values())
    if len(rows) < 2:
        return ""
    measured = "measured on the same rows" if rows[1] == section.get("rows") else f"measured on {words.rows(rows[1])}"
    return f"The baselines were learnt from {words.rows(rows[0])} and {measured}."


def _bound(name: str, bound: str, metrics: Mapping[str, Any]) -> Bound:
    from laketrain.evaluate.gate import holds, measured

    value = measured(metrics, name)
    kept = words.is_number(value) and holds(value, bound)
    return Bound(name.replace("_", " "), words.bound(bound), words.metric(value), kept)


def _line(gate: Mapping[Any, str], target: str, figure: str) -> float | None:
    bound = gate.get(f"{target}.{figure}" if target else figure)
    line = float(bound.lstrip("<>= ")) if bound else None
    return line if line is not None and 0 <= line <= 1 else None


def confusion(run: Run) -> list[Confusion] | None:
    """Which class is taken for which."""
    return [_confusion(target, section) for target, section in parts_of(run.last("evaluate"))
            if section.get("confusion")] or None


def _confusion(target: str, section: Mapping[str, Any]) -> Confusion:
    matrix = np.asarray(section["confusion"])
    labels = [str(label) for label in section.get("labels") or range(len(matrix))]
    whole = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, whole, out=np.zeros(matrix.shape), where=whole > 0)
    weighted = "weight" in section
    said = words.weight if weighted else words.count
    wrong, rows = section.get("wrong", matrix.sum() - np.trace(matrix)), section.get("rows", matrix.sum())
    alt = f"Confusion matrix of {len(labels)} classes: {words.count(int(wrong))} of {words.rows(int(rows))} wrong"
    pairs = _pairs(matrix, labels, lambda value: f"weight {said(value)}" if weighted else f"{said(value)}×")
    what = "Weight of rows" if weighted else "Rows"
    if len(labels) > MOST_IN_MATRIX:
        return Confusion(target, labels, [], heat(matrix), alt, pairs, what)
    cells = [[Cell(said(float(value)) if value else "", float(shares[i, j]), i == j) for j, value in enumerate(line)]
             for i, line in enumerate(matrix)]
    return Confusion(target, labels, cells, None, alt, pairs, what)


def _pairs(matrix: Any, labels: list[str], said: Callable[[Any], str]) -> list[Pair]:
    """The commonest mistakes."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    places = [divmod(int(place), len(matrix)) for place in order]
    return [Pair(labels[i], labels[j], said(float(wrong[i, j]))) for i, j in places if wrong[i, j]]


def classes(run: Run) -> list[Classes] | None:
    """Precision, recall and F1 of each class, or of each of several labels."""
    return [_classes(target, found) for target, section in parts_of(run.last("evaluate"))
            if (found := section["metrics"].get("classes"))] or None


def _classes(target: str, found: list[Mapping[str, Any]]) -> Classes:
    scores = [ClassScores(str(one["label"]), one["precision"], one["recall"], one["f1"], one["rows"],
                          words.weight(one["weight"]) if "weight" in one else "") for one in found]
    shown = scores if len(scores) <= MOST_IN_TABLE else sorted(scores, key=lambda one: one.f1 or 0.0)[:MOST_IN_TABLE]
    return Classes(target, shown, len(scores))
