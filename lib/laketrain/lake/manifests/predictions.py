"""The manifest of versions in `predictions/`: predict writes it and reads that of the previous version."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from laketrain.lake.manifests.base import Manifest


class PredictionsManifest(Manifest):
    """Statistics of a table of predictions.

    Attributes:
        predicted: for each output what its task counts: `classes`, the rows by predicted class, or `values`, the
            `least`, `mean` and `most` of the predicted numbers. Empty in versions of an older laketrain.
        scored_with: the fingerprint of the model and the settings, by which the next run knows whether it may reuse
            predictions. Absent without `only_new`.
    """

    predicted: dict[str, dict[str, Any]] = Field(default_factory=dict)
    scored_with: str = Field(default="", alias="way")
