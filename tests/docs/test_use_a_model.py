"""The page on saved models: its code predicts for the rows of a service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from laketrain.feed.dataset import Dataset
from laketrain.imports import import_tensorflow
from laketrain.lake import Version
from laketrain.models import parse_model

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "use-a-model.md").read_text("utf-8")
[PREDICT] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_only_accepted_rows_are_predicted_in_the_units_of_the_column(dataset: Version) -> None:
    import_tensorflow()
    from laketrain.models.networks import Networks
    from laketrain.models.saving import save_networks

    features: Any = Dataset(dataset).features
    model = parse_model({"name": "mlp", "hidden": [8]}).build(features)
    with dataset.lake.table("models", "trips").stage() as draft:
        save_networks(Networks.of(model), dataset.lake.store, draft.path())
        draft.commit(stage="train", fingerprint="a model", meta={"features": dataset.entry.meta["features"]})
    names: dict[str, Any] = {}
    exec(PREDICT, names)
    assert names["reasons"].to_pylist() == [None, "temperature is null"]
    assert "`temperature is null`" in PAGE

    def scaled(name: str, value: float) -> Any:
        scale = features[name].learnt_scale
        return np.array([(value - scale.offset[0]) / scale.divisor[0]], np.float32)

    def number(name: str, value: str) -> Any:
        return np.array([features[name].learnt_values.index(value) + 1])

    scale = features["trips"].learnt_scale
    outputs = model({"station": number("station", "harbour"), "weekday": number("weekday", "Thu"),
                     "temperature": scaled("temperature", 3.5), "rain_mm": scaled("rain_mm", 0.0)})
    expected = np.asarray(outputs) * scale.divisor[0] + scale.offset[0]
    assert names["trips"].shape == (1, 1)
    np.testing.assert_allclose(names["trips"], expected, rtol=1e-5)
