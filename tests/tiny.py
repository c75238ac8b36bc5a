"""A small dataset in a lake, committed as convert would, without Spark: 8×8 images of four classes.

    version = commit_tiny(Lake(tmp_path))                 # features/tiny@1, splits train, val and test
    images, labels = rows_of(version, "train")            # all of the split, in the order of its rows
    model = commit_model(version)                         # models/tiny@1, a model that is often right

The bright quadrant of an image is its class, so a model learns it within a few steps.
"""

from __future__ import annotations

import io
import itertools
import json
import tempfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version

SIDE, CLASSES = 8, 4
# Not multiples of a batch: the last batches of an epoch are padded, and lanes differ in length.
SPLITS: Mapping[str, int] = {"train": 203, "val": 45, "test": 61}
FEATURES = FeatureSet.model_validate({
    "image": {"kind": "image", "column": "pixels", "shape": [SIDE, SIDE, 1]},
    "label": {"kind": "label", "column": "label", "classes": CLASSES},
    "name": {"kind": "key", "column": "name"},
})


CONFIG = """\
name: tiny
lake: lake
sources:
  new: {format: csv, path: landing/*.csv, schema: {name: string, pixels: string, label: string}}
clean:
  new: {rules: [{parse: {column: pixels, as: array<int>}}, {cast: {column: label, to: int}}]}
convert:
  table: new
  features:
    image: {kind: image, column: pixels, shape: [8, 8, 1]}
    label: {kind: label, classes: 4}
    name: {kind: key}
  split: {by: name, fractions: {train: 0.8, val: 0.1, test: 0.1}}
train: {model: {name: linear}, epochs: 1, batch: 16}
predict: {table: new}
"""
"""A workload of such images, whose dataset and model `commit_tiny` and `commit_model` put into its lake."""


def draw(rows: int, seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """(rows, 8, 8, 1) noisy images and their classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, rows)
    images = random.integers(0, 120, (rows, SIDE, SIDE, 1)).astype(np.uint8)
    half = SIDE // 2
    for image, label in zip(images, labels, strict=True):
        down, across = divmod(int(label), 2)
        image[down * half : (down + 1) * half, across * half : (across + 1) * half] += 60
    return images, labels


def table_of(images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> pa.Table:
    """A table as in `integrated/`: pixels as lists, labels as numbers, names as text."""
    return pa.table({"pixels": pa.array(list(images.reshape(len(images), -1).astype(np.int32))), "label": labels,
                     "name": [f"row {row}" for row in range(len(images))]})


def commit_tiny(lake: Lake, name: str = "tiny", splits: Mapping[str, int] = SPLITS, *, features: FeatureSet = FEATURES,
                rows_per_group: int = 37, files: int = 2) -> Version:
    """Commits `features/<name>` with so many rows in each split, in files with row groups of `rows_per_group`."""
    fitted = features
    with lake.table("features", name).stage() as draft:
        for number, (split, rows) in enumerate(splits.items()):
            table = table_of(*draw(rows, seed=number))
            stored, refused = features.encode_batch(table)
            assert refused.null_count == rows
            if split == "train":
                fitted = _learnt(features, table)
            ends = [part * rows // files for part in range(files + 1)]
            for part, (start, end) in enumerate(itertools.pairwise(ends)):
                content = io.BytesIO()
                pq.write_table(stored.slice(start, end - start), content, row_group_size=rows_per_group)
                lake.store.write(draft.path(f"{split}/part-{part:05d}.parquet"), content.getvalue())
        return draft.commit(stage="convert", fingerprint=f"tiny {name}", counts={"splits": dict(splits)},
                            meta={"features": json.loads(fitted.to_json())})


def rows_of(version: Version, split: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """All images and labels of a split, in the order of its rows."""
    dataset = Dataset(version)
    with dataset.reader(split) as reader:
        arrays: dict[str, npt.NDArray[Any]] = reader.read(np.arange(dataset.splits[split]))
    return arrays["image"], arrays["label"]


def commit_model(dataset: Version, steps: int = 2) -> Version:
    """`models/tiny`: softmax regression after a few steps of plain Keras, so that it is right often, not always."""
    from laketrain.imports import import_tensorflow

    import_tensorflow()
    import keras

    from laketrain.models import parse_model

    features = Dataset(dataset).features
    keras.utils.set_random_seed(1)
    model = parse_model({"name": "linear"}).build(features)
    model.compile("sgd", "sparse_categorical_crossentropy")
    images, labels = rows_of(dataset, "train")
    for _ in range(steps):
        model.train_on_batch({"image": images}, labels)
    with dataset.lake.table("models", "tiny").stage() as draft, tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        dataset.lake.store.put(f"{folder}/model.keras", draft.path("model.keras"))
        return draft.commit(stage="train", fingerprint=f"model of {dataset.ref}",
                            parents={dataset.table: dataset.number}, meta={"features": dataset.entry.meta["features"]})


def _learnt(features: FeatureSet, table: pa.Table) -> FeatureSet:
    columns = table.combine_chunks()
    return FeatureSet.of({
        name: feature.fit(feature.tally(columns.column(feature.column).chunk(0)))
        for name, feature in features.items()
    })
