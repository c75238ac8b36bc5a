"""The errors of predicted numbers: scatter plots, histograms, components and the worst rows.

    errors(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.lake.manifests import EvaluationManifest
from laketrain.report import format as fmt
from laketrain.report.run import Run
from laketrain.report.sections.evaluation import target_sections
from laketrain.report.svg.histogram import svg_histogram
from laketrain.report.svg.plots import scatter

MOST_COMPONENTS, MOST_WORST, MOST_POINTS, MOST_PLOTS = 40, 12, 600, 4
_INTERVALS = 41
_SHOWN = 6


@dataclass(frozen=True)
class Component:
    """The errors of one component of the target, in its own unit."""

    label: str
    mae: str
    rmse: str
    r2: str
    mape: str


@dataclass(frozen=True)
class WorstRow:
    """A row with a large error: its number in the split, the true and the predicted values."""

    row: int
    true: str
    predicted: str


@dataclass(frozen=True)
class Plot:
    """Predicted over true numbers (`dots`), and a histogram of their differences with its `ends`. `label` is empty if
    all components are in one plot."""

    label: str
    dots: str
    histogram: str
    ends: tuple[str, str]


@dataclass(frozen=True)
class Errors:
    """The errors of one target: plots, components (`shown` of `count`) and the worst rows. `target` is empty if there
    is only one; with `weighted`, errors are weighted means."""

    target: str
    plots: list[Plot]
    shown: list[Component]
    count: int
    worst: list[WorstRow]
    split: str
    weighted: bool


def errors(run: Run) -> list[Errors] | None:
    """The errors of each target of numbers."""
    version = run.last("evaluate")
    split = EvaluationManifest.of(version).split if version else ""
    return [_errors(target, section, split, index) for index, (target, section) in enumerate(target_sections(version))
            if "sample" in section] or None


def _errors(target: str, section: Mapping[str, Any], split: str, index: int) -> Errors:
    components = section["metrics"]["components"]
    worst = [WorstRow(row["row"], _text(row["true"]), _text(row["predicted"])) for row in section["worst"][:MOST_WORST]]
    shown = [Component(str(scores["label"]), *(fmt.metric(scores[name]) for name in ("mae", "rmse", "r2", "mape")))
             for scores in components[:MOST_COMPONENTS]]
    return Errors(target, _plots(section, components, f"errors-{index}"), shown, len(components), worst, split,
                  "weight" in section)


def _plots(section: Mapping[str, Any], components: list[Mapping[str, Any]], key: str) -> list[Plot]:
    """A plot for each component, since units may differ; one plot of all if they are many."""
    true, predicted = (np.asarray(section["sample"][side], np.float64).reshape(-1, len(components))
                  for side in ("true", "predicted"))
    if 1 < len(components) <= MOST_PLOTS:
        return [_plot(str(scores["label"]), true[:, index], predicted[:, index], f"{key}-{index}")
                for index, scores in enumerate(components)]
    return [_plot("", true.reshape(-1), predicted.reshape(-1), key)]


def _plot(label: str, true: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64], key: str) -> Plot:
    finite = np.isfinite(true) & np.isfinite(predicted)
    true, predicted = true[finite], predicted[finite]
    picked = np.unique(np.linspace(0, len(true) - 1, min(len(true), MOST_POINTS)).astype(np.int64))
    alt = f"Predicted over true numbers of {fmt.plural(len(picked), 'prediction')}"
    return Plot(label, scatter(true[picked], predicted[picked], alt, key), *_histogram(predicted - true))


def _histogram(differences: npt.NDArray[np.float64]) -> tuple[str, tuple[str, str]]:
    """A histogram of the differences, centred at zero, and its ends."""
    limit = float(np.abs(differences).max(initial=0.0)) or 1.0
    counts, edges = np.histogram(differences, _INTERVALS, (-limit, limit))
    labels = [f"{low:.4g} to {high:.4g}: {count}" for low, high, count in zip(edges, edges[1:], counts, strict=False)]
    svg = svg_histogram(counts.tolist(), labels, "Histogram of predicted minus true numbers")
    return svg, (f"{-limit:.4g}", f"{limit:.4g}")


def _text(values: list[float]) -> str:
    shown = ", ".join(f"{value:.5g}" for value in values[:_SHOWN])
    return shown + (" …" if len(values) > _SHOWN else "")
