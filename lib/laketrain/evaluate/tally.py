"""Which sums stand for which kind of target.

    tallies = tallies_of(dataset.features, rows=418, worst=24)
    sections = sections_of(dataset.features, parts, worst=24)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from laketrain.errors import DataError
from laketrain.evaluate.classes import ClassTally, class_section
from laketrain.evaluate.figures import figure_of
from laketrain.evaluate.numbers import NumberTally, number_section, width_of
from laketrain.evaluate.rows import spread
from laketrain.evaluate.several import SeveralTally, several_section
from laketrain.evaluate.sums import Tally
from laketrain.features import Feature, FeatureSet, Label, Multilabel, TimeSeries, Value

_SAMPLED, _MOST_NUMBERS = 2_000, 20_000


def tallies_of(features: FeatureSet, rows: int, worst: int) -> dict[str, Tally]:
    """Fresh sums for each target of a split of `rows` rows.

    Raises:
        DataError: nobody knows how to measure one of them.
    """
    return {name: _tally(name, feature, rows, worst) for name, feature in features.targets.items()}


def sections_of(features: FeatureSet, parts: Sequence[Mapping[str, Any]], worst: int) -> dict[str, dict[str, Any]]:
    """By target, what all ranks' parts say together: `kind`, `rows`, `metrics`, `baselines` and what the kind has
    beside. Where rows have weights, they count by them; `weight` is their sum, and `masked` rows have weight 0."""
    weighted = features.weight is not None
    return {name: {"kind": feature.kind, **_section(feature, [part[name] for part in parts], worst, weighted),
                   "baselines": _beside([part[name].get("baselines", {}) for part in parts])}
            for name, feature in features.targets.items()}


def _tally(name: str, feature: Feature, rows: int, worst: int) -> Tally:
    if isinstance(feature, Label):
        return ClassTally(feature, worst)
    if isinstance(feature, Multilabel):
        return SeveralTally(feature, worst)
    if isinstance(feature, Value | TimeSeries):
        most = max(1, min(_SAMPLED, _MOST_NUMBERS // width_of(feature)))
        return NumberTally(feature, worst, spread(rows, most))
    raise DataError("evaluate", f"target {name!r}", f"is of kind {feature.kind}, which nothing measures",
                    "leave out 'evaluate', or measure label, multilabel, value or sequence targets")


def _beside(parts: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    return {name: figure_of([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _section(feature: Feature, parts: list[dict[str, Any]], worst: int, weighted: bool) -> dict[str, Any]:
    if isinstance(feature, Label):
        return class_section(feature, parts, worst, weighted)
    if isinstance(feature, Multilabel):
        return several_section(feature, parts, worst, weighted)
    assert isinstance(feature, Value | TimeSeries)
    return number_section(feature, parts, worst, weighted)
