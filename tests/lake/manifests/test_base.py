"""What all manifests have in common."""

from __future__ import annotations

import math

import numpy as np
import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake
from laketrain.lake.manifests import Manifest, ModelManifest

from .round_trip import version


@pytest.mark.parametrize("manifest", Manifest.__subclasses__(), ids=lambda manifest: manifest.__name__)
def test_every_field_has_a_default_and_a_description(manifest: type[Manifest]) -> None:
    manifest.from_meta({})
    assert [name for name in manifest.model_fields if name not in (manifest.__doc__ or "")] == []


def test_fields_that_are_not_set_are_not_written() -> None:
    assert ModelManifest(weights="1f", windows=None).to_meta() == {"weights": "1f", "windows": None}


def test_values_are_written_as_they_are(local_lake: Lake) -> None:
    """Whole numbers stay whole; NaN is null on disk, as in every entry."""
    manifest = ModelManifest(history=[{"epoch": 1, "seconds": 2, "loss": math.nan}])
    made = version(local_lake, "models/m", manifest.to_meta())
    assert repr(ModelManifest.of(made).history) == "[{'epoch': 1, 'seconds': 2, 'loss': None}]"


def test_a_value_that_is_not_json_is_refused_by_the_commit(local_lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"a value can't be stored as JSON.*float\(x\) of a NumPy number"):
        version(local_lake, "models/m", ModelManifest(history=[{"loss": np.float32(1)}]).to_meta())
