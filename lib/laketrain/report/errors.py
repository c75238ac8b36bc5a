"""What the page says of predicted numbers: predicted against true ones, and how far off they lie.

    errors(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.report import words
from laketrain.report.bars import bars
from laketrain.report.evaluation import parts_of
from laketrain.report.plots import scatter
from laketrain.report.run import Run

MOST_COMPONENTS, MOST_WORST, MOST_POINTS, MOST_PLOTS = 40, 12, 600, 4
_INTERVALS = 41
_SHOWN = 6


@dataclass(frozen=True)
class Component:
    """How well one number of a row is told, in its own units."""

    label: str
    mae: str
    rmse: str
    r2: str
    mape: str


@dataclass(frozen=True)
class WorstRow:
    """A row that is far off: its number in the split, what is true and what was said."""

    row: int
    true: str
    predicted: str


@dataclass(frozen=True)
class Plot:
    """Dots of predicted over true numbers, and a histogram of their differences with its ends. `label` is empty where
    all numbers of the rows are drawn together."""

    label: str
    dots: str
    histogram: str
    ends: tuple[str, str]


@dataclass(frozen=True)
class Errors:
    """One target: plots, its components (`shown` of `count`) and the worst rows. `target` is empty where there is only
    one; `weighted` says that errors are means by the rows' weights."""

    target: str
    plots: list[Plot]
    shown: list[Component]
    count: int
    worst: list[WorstRow]
    split: str
    weighted: bool


def errors(run: Run) -> list[Errors] | None:
    """Of each target that is a value or a sequence of them."""
    version = run.last("evaluate")
    split = str(version.entry.meta.get("split", "")) if version else ""
    return [_errors(target, section, split, place) for place, (target, section) in enumerate(parts_of(version))
            if "sample" in section] or None


def _errors(target: str, section: Mapping[str, Any], split: str, place: int) -> Errors:
    components = section["metrics"]["components"]
    worst = [WorstRow(one["row"], _said(one["true"]), _said(one["predicted"])) for one in section["worst"][:MOST_WORST]]
    shown = [Component(str(one["label"]), *(words.metric(one[name]) for name in ("mae", "rmse", "r2", "mape")))
             for one in components[:MOST_COMPONENTS]]
    return Errors(target, _plots(section, components, f"errors-{place}"), shown, len(components), worst, split,
                  "weight" in section)


def _plots(section: Mapping[str, Any], components: list[Mapping[str, Any]], key: str) -> list[Plot]:
    """Of each component, since each may have a unit of its own; of all together where they are many."""
    true, said = (np.asarray(section["sample"][side], np.float64).reshape(-1, len(components))
                  for side in ("true", "predicted"))
    if 1 < len(components) <= MOST_PLOTS:
        return [_plot(str(one["label"]), true[:, place], said[:, place], f"{key}-{place}")
                for place, one in enumerate(components)]
    return [_plot("", true.reshape(-1), said.reshape(-1), key)]


def _plot(label: str, true: npt.NDArray[np.float64], said: npt.NDArray[np.float64], key: str) -> Plot:
    kept = np.isfinite(true) & np.isfinite(said)
    true, said = true[kept], said[kept]
    picked = np.unique(np.linspace(0, len(true) - 1, min(len(true), MOST_POINTS)).astype(np.int64))
    alt = f"Predicted over true numbers of {words.many(len(picked), 'prediction')}"
    return Plot(label, scatter(true[picked], said[picked], alt, key), *_histogram(said - true))


def _histogram(off: npt.NDArray[np.float64]) -> tuple[str, tuple[str, str]]:
    """Of the differences, zero in the middle."""
    far = float(np.abs(off).max(initial=0.0)) or 1.0
    counts, edges = np.histogram(off, _INTERVALS, (-far, far))
    labels = [f"{low:.4g} to {high:.4g}: {count}" for low, high, count in zip(edges, edges[1:], counts, strict=False)]
    return bars(counts.tolist(), labels, "Histogram of predicted minus true numbers"), (f"{-far:.4g}", f"{far:.4g}")


def _said(values: list[float]) -> str:
    shown = ", ".join(f"{value:.5g}" for value in values[:_SHOWN])
    return shown + (" …" if len(values) > _SHOWN else "")
