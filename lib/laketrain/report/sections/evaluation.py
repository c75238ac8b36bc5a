"""The evaluation of each target: compared with baselines and the gate, and by class.

    comparison(run), confusion(run), classes(run)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from laketrain.lake import Version
from laketrain.lake.manifests import EvaluationManifest
from laketrain.report import format as fmt
from laketrain.report.png import heatmap
from laketrain.report.run import Run
from laketrain.tasks import task_of_section

# Larger tables are unreadable.
MOST_IN_MATRIX = 20
MOST_IN_TABLE = 40
_PAIRS = 12


@dataclass(frozen=True)
class Contender:
    """The model (`ours`) or a baseline with its headline metric as number and text; `part` is the length of its bar."""

    name: str
    value: float
    text: str
    part: float
    ours: bool


@dataclass(frozen=True)
class Bound:
    """One bound of the gate, and whether the metric holds it."""

    metric: str
    bound: str
    value: str
    holds: bool


@dataclass(frozen=True)
class TargetComparison:
    """The model and its baselines by the headline metric (`figure`) of one target. `line` is the gate's bound if the
    metric is a share. `target` is empty if there is only one."""

    target: str
    figure: str
    contenders: list[Contender]
    line: float | None
    metrics: list[tuple[str, str]]
    note: str


@dataclass(frozen=True)
class Comparison:
    """The comparison of each target, the rows on which it was measured (`on`), and the gate's bounds."""

    on: str
    targets: list[TargetComparison]
    bounds: list[Bound]


@dataclass(frozen=True)
class Cell:
    """The rows of a true class that were predicted as one class, or their weight, and their share of the true class."""

    text: str
    share: float
    right: bool


@dataclass(frozen=True)
class Pair:
    """A true class, the class that was predicted, and how often: in rows, or in their weight."""

    true: str
    predicted: str
    text: str


@dataclass(frozen=True)
class Confusion:
    """A confusion matrix: `cells` by true, then predicted class, of rows or of their weights (`what`). Of many classes
    it is a `picture`, and there are no cells."""

    target: str
    labels: list[str]
    cells: list[list[Cell]]
    picture: str | None
    alt: str
    pairs: list[Pair]
    what: str


@dataclass(frozen=True)
class ClassScores:
    """The metrics of one class, None where they are undefined; `weight` is empty if rows have no weights."""

    label: str
    precision: float | None
    recall: float | None
    f1: float | None
    rows: int
    weight: str


@dataclass(frozen=True)
class Classes:
    """`shown` of `count` classes: all, or those with the lowest F1."""

    target: str
    shown: list[ClassScores]
    count: int


def comparison(run: Run) -> Comparison | None:
    """The headline metric of each target and of its baselines, and the gate's bounds."""
    version = run.last("evaluate")
    if version is None:
        return None
    evaluation, config = EvaluationManifest.of(version), run.record.workload.evaluate
    metrics = evaluation.metrics
    if not metrics:
        return None
    gate: Mapping[Any, str] = config.gate if config else {}
    ours = run.model.ref if run.model else "the model"
    return Comparison(fmt.measured_on(version.entry.counts, f"split {evaluation.split}"),
                      [_target_comparison(target, section, ours, gate) for target, section in target_sections(version)],
                      [_bound(name, bound, metrics) for name, bound in gate.items()])


def target_sections(version: Version | None) -> list[tuple[str, dict[str, Any]]]:
    """Each target's section of an evaluation. The name is empty if there is only one target."""
    by_target = EvaluationManifest.of(version).sections if version else {}
    return [(target if len(by_target) > 1 else "", section) for target, section in by_target.items()]


def _target_comparison(target: str, section: Mapping[str, Any], ours: str, gate: Mapping[Any, str]) -> TargetComparison:
    task = task_of_section(section)
    headline, is_share = task.headline.metric, task.headline.is_share
    values = [(ours, section["metrics"].get(headline), True)]
    values += [(str(name), value, False) for name, value in (section.get("baselines") or {}).items()]
    finite = [(name, value, is_ours) for name, value, is_ours in values if fmt.is_number(value)]
    most = max((abs(value) for _, value, _ in finite), default=0.0) or 1.0
    contenders = [Contender(name, value, fmt.percent(value) if is_share else fmt.metric(value),
                            value if is_share else value / most, is_ours) for name, value, is_ours in finite]
    metrics = [(name.replace("_", " "), fmt.metric(value)) for name, value in task.facts(section).items()]
    sign = -1 if task.headline.mode == "max" else 1
    ordered = sorted(contenders, key=lambda contender: sign * contender.value)
    return TargetComparison(target, task.headline.title, ordered, _line(gate, target, headline) if is_share else None,
                            metrics, _note(section))


def _note(section: Mapping[str, Any]) -> str:
    """The rows on which the baselines were fitted and measured. Older evaluations measured them on other rows than the
    model."""
    rows = list((section.get("baseline_rows") or {}).values())
    if len(rows) < 2:
        return ""
    measured = "measured on the same rows" if rows[1] == section.get("rows") else f"measured on {fmt.rows(rows[1])}"
    return f"The baselines were learnt from {fmt.rows(rows[0])} and {measured}."


def _bound(name: str, bound: str, metrics: Mapping[str, Any]) -> Bound:
    from laketrain.evaluate.gate import holds, measured

    value = measured(metrics, name)
    ok = fmt.is_number(value) and holds(value, bound)
    return Bound(name.replace("_", " "), fmt.bound(bound), fmt.metric(value), ok)


def _line(gate: Mapping[Any, str], target: str, metric: str) -> float | None:
    bound = gate.get(f"{target}.{metric}" if target else metric)
    line = float(bound.lstrip("<>= ")) if bound else None
    return line if line is not None and 0 <= line <= 1 else None


def confusion(run: Run) -> list[Confusion] | None:
    """The confusion matrix of each target that has one."""
    return [_confusion(target, section) for target, section in target_sections(run.last("evaluate"))
            if section.get("confusion")] or None


def _confusion(target: str, section: Mapping[str, Any]) -> Confusion:
    matrix = np.asarray(section["confusion"])
    labels = [str(label) for label in section.get("labels") or range(len(matrix))]
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    weighted = "weight" in section
    text = fmt.weight if weighted else fmt.count
    wrong, rows = section.get("wrong", matrix.sum() - np.trace(matrix)), section.get("rows", matrix.sum())
    alt = f"Confusion matrix of {len(labels)} classes: {fmt.count(int(wrong))} of {fmt.rows(int(rows))} wrong"
    pairs = _pairs(matrix, labels, lambda value: f"weight {text(value)}" if weighted else f"{text(value)}×")
    what = "Weight of rows" if weighted else "Rows"
    if len(labels) > MOST_IN_MATRIX:
        return Confusion(target, labels, [], heatmap(matrix), alt, pairs, what)
    cells = [[Cell(text(float(value)) if value else "", float(shares[i, j]), i == j) for j, value in enumerate(line)]
             for i, line in enumerate(matrix)]
    return Confusion(target, labels, cells, None, alt, pairs, what)


def _pairs(matrix: Any, labels: list[str], text: Callable[[Any], str]) -> list[Pair]:
    """The most frequent mistakes."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    cells = [divmod(int(index), len(matrix)) for index in order]
    return [Pair(labels[i], labels[j], text(float(wrong[i, j]))) for i, j in cells if wrong[i, j]]


def classes(run: Run) -> list[Classes] | None:
    """Precision, recall and F1 of each class, or of each label of a multilabel target."""
    return [_classes(target, scores) for target, section in target_sections(run.last("evaluate"))
            if (scores := section["metrics"].get("classes"))] or None


def _classes(target: str, recorded: list[Mapping[str, Any]]) -> Classes:
    scores = [ClassScores(str(score["label"]), score["precision"], score["recall"], score["f1"], score["rows"],
                          fmt.weight(score["weight"]) if "weight" in score else "") for score in recorded]
    worst_first = sorted(scores, key=lambda score: score.f1 or 0.0)
    shown = scores if len(scores) <= MOST_IN_TABLE else worst_first[:MOST_IN_TABLE]
    return Classes(target, shown, len(scores))
