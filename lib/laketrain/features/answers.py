"""What predictions of a target are called in a table, known before there is a model.

    columns_of(targets, probabilities=False)        # {"class": "bigint", "probability": "double"}

With several targets each column begins with its target's name: `digit_class`, `price_prediction`.
"""

from __future__ import annotations

from collections.abc import Mapping

from laketrain.errors import DataError
from laketrain.features.base import Feature
from laketrain.features.label import Label
from laketrain.features.multilabel import Multilabel
from laketrain.features.schema import FeatureSet
from laketrain.features.time_series import TimeSeries
from laketrain.features.vector import Value


def columns_of(targets: FeatureSet | Mapping[str, Feature], probabilities: bool) -> dict[str, str]:
    """Spark's types of the answers' columns, by name.

    Raises:
        DataError: there is no target, or one that no column can hold.
    """
    if not len(targets):
        raise DataError("predict", "the model", "has no target, so it predicts nothing",
                        "train it on a dataset with a target")
    return {prefix(targets, name) + column: kind for name, feature in targets.items()
            for column, kind in _types(name, feature, probabilities).items()}


def prefix(targets: FeatureSet | Mapping[str, Feature], name: str) -> str:
    """What the columns of this target begin with."""
    return f"{name}_" if len(targets) > 1 else ""


def _types(name: str, feature: Feature, probabilities: bool) -> dict[str, str]:
    whole = {"probabilities": "array<double>"} if probabilities else {}
    if isinstance(feature, Label):
        return {"class": "bigint" if feature.names is None else "string", "probability": "double", **whole}
    if isinstance(feature, Multilabel):
        return {"classes": "array<string>", "probability": "array<double>", **whole}
    if isinstance(feature, Value):
        return {"prediction": "double" if feature.shape == (1,) else "array<double>"}
    if isinstance(feature, TimeSeries):
        return {"prediction": "array<array<double>>"}
    raise DataError("predict", f"target {name!r}", f"is of kind {feature.kind}, which no column of predictions holds",
                    "leave out 'predict'; label, multilabel, value and sequence can be predicted")
