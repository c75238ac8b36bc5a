"""Datasets of any kinds of features, committed as convert would, without Spark: for the walk over the keys of `train`.

    dataset = commit_kinds(lake, "two", ["number", "text"], {"out_0": "label"})     # features/two@1: in_0, in_1, out_0
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import soundfile
from tests.datasets import commit_dataset

from laketrain.features import FeatureSet
from laketrain.lake import Lake, Version
from train_keys import INPUTS, TARGETS

SPLITS = {"train": 64, "val": 16, "other": 64}


def features_of(inputs: Sequence[str], targets: Mapping[str, str]) -> FeatureSet:
    """A feature of each of these kinds, targets by name, as the workloads of `train_keys` have them."""
    return FeatureSet.model_validate({**{f"in_{index}": INPUTS[kind] for index, kind in enumerate(inputs)},
                                      **{name: TARGETS[kind] for name, kind in targets.items()}})


def commit_kinds(lake: Lake, name: str, inputs: Sequence[str], targets: Mapping[str, str]) -> Version:
    """`features/<name>` with the splits train, val and other."""
    declared = features_of(inputs, targets)
    return commit_dataset(lake, name, declared,
                          {split: _rows(declared, rows, seed) for seed, (split, rows) in enumerate(SPLITS.items())})


def _rows(features: FeatureSet, rows: int, seed: int) -> pa.RecordBatch:
    random = np.random.default_rng(seed)
    return pa.RecordBatch.from_pydict({name: _column(feature, rows, random) for name, feature in features.items()})


def _column(feature: Any, rows: int, random: np.random.Generator) -> pa.Array:
    def some(names: Sequence[str], least: int = 0) -> list[str]:
        return [str(name) for name in random.choice(names, random.integers(least, len(names) + 1), replace=False)]

    if feature.kind in ("number", "bucket"):
        return pa.array(random.normal(size=rows))
    if feature.kind == "label":  # one class is rarer than the others
        return pa.array(random.choice(3, rows, p=[0.5, 0.35, 0.15]))
    if feature.kind == "category":
        return pa.array([str(value) for value in random.choice(["x", "y", "z"], rows)])
    if feature.kind == "multilabel":
        return pa.array([some(feature.names) for _ in range(rows)], pa.list_(pa.string()))
    if feature.kind == "text":
        return pa.array([" ".join(some(["one", "two", "three"], least=1)) for _ in range(rows)])
    if feature.kind == "image":
        return pa.array(list(random.integers(0, 256, (rows, feature.size)).astype(np.int32)))
    if feature.kind == "audio":
        return pa.array([_sound(random.uniform(-0.5, 0.5, 400), 4000) for _ in range(rows)], pa.binary())
    return pa.array(list(random.normal(size=(rows, int(np.prod(feature.shape))))))


def _sound(samples: Any, rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()
