"""Decoded files of a batch are cached: each is decoded once, within a limit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from laketrain.features import FeatureSet
from laketrain.features.codecs import cache
from laketrain.features.codecs.image import decode_image

from ..picture_files import RGB, H, W, files, saved


def test_a_batch_decodes_each_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def counted(data: bytes, spec: Any) -> Any:
        seen.append(data)
        return decode_image(data, spec)

    monkeypatch.setattr("laketrain.features.image.decode_image", counted)
    monkeypatch.setattr(cache, "_cache", cache._Cache(2**20))
    features = FeatureSet.model_validate({"photo": files().model_dump(), "id": {"kind": "key"}})
    rows = [saved(RGB), b"no", saved(255 - RGB), None, saved(RGB)]
    batch = pa.record_batch([pa.array(rows, pa.binary()), pa.array([*"abcde"])], ["content", "id"])
    _, reasons = features.encode_batch(batch)
    features.tally(batch.filter(reasons.is_null()), first=False)
    assert sorted(seen) == sorted({row for row in rows if row is not None})


def test_the_cache_is_limited_and_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = cache._Cache(3 * RGB.nbytes)
    monkeypatch.setattr(cache, "_cache", memory)
    rows = [saved(np.roll(RGB, shift, 0)) for shift in range(H)]
    tensors = files().tensor(pa.array(rows, pa.binary()))
    np.testing.assert_array_equal(tensors, [np.roll(RGB, shift, 0) for shift in range(H)])
    assert 0 < memory._bytes <= 3 * RGB.nbytes
    assert memory._bytes == sum(cache._size(data, result) for (_, data), result in memory._results.items())


def test_two_features_of_one_column_have_separate_cache_entries() -> None:
    column = pa.array([saved(RGB)], pa.binary())
    assert files().tensor(column).shape == (1, H, W, 3)
    assert files(shape=[3, 4, 1], resize="stretch").tensor(column).shape == (1, 3, 4, 1)
    assert files(shape=[H, W, 1]).tensor(column).shape == (1, H, W, 1)
