"""The heads of the models: for each target a last layer, named like it, that gives what its task expects.

    outputs = heads(features, hidden)      # a tensor, or {"label": …, "price": …} where there are several targets
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from laketrain.errors import DataError
from laketrain.features import FeatureSet
from laketrain.tasks import Output, default_outputs


def heads(features: FeatureSet, hidden: Any, initializer: str = "glorot_uniform",
          outputs: Mapping[str, Output] | None = None) -> Any:
    """From (batch, k) the outputs of a model, by default one a target. Raises DataError where there is none, or where a
    task has no head."""
    outputs = default_outputs(features) if outputs is None else outputs
    for name, output in outputs.items():
        if problem := output.task.model_problem(name, output.feature):
            raise DataError("train", "the model", *problem)
    tensors = {name: output.task.head(name, output.feature, hidden, initializer) for name, output in outputs.items()}
    if not tensors:
        raise DataError("train", "the model's features", "have no target, so there is nothing to learn",
                        "declare one in 'convert.features', e.g. label: {kind: label, classes: 10}")
    return next(iter(tensors.values())) if len(tensors) == 1 else tensors
