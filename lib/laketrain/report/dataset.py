"""What the page shows of the dataset: its splits and classes, some of its rows, and those the model got most wrong.

    splits(run), samples(run), mistakes(run)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import FeatureSet, Image
from laketrain.feed.dataset import Dataset
from laketrain.report import words
from laketrain.report.pictures import tile
from laketrain.report.run import Run

SAMPLES = 24
MOST_CLASSES = 30
# Reading a label is cheap, but a page that is written after every run must not read for minutes.
MOST_ROWS = 2_000_000
_CHUNK = 1 << 16
_LONGEST_ID = 24


@dataclass(frozen=True)
class Split:
    """A split, its rows, and its fraction of all."""

    name: str
    rows: int
    share: float


@dataclass(frozen=True)
class ClassRows:
    """Rows of a class by split: (rows, their share of the split), None where they were not counted."""

    label: str
    rows: list[tuple[int, float] | None]


@dataclass(frozen=True)
class Splits:
    """The dataset's parts. `largest` is the largest share that a class has in a split."""

    ref: str
    splits: list[Split]
    classes: list[ClassRows]
    largest: float
    count: int
    features: list[tuple[str, str]]


@dataclass(frozen=True)
class Picture:
    """A picture with its words; `detail` is what the row is called."""

    src: str
    alt: str
    title: str
    note: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Gallery:
    """Some pictures of a split."""

    ref: str
    split: str
    pictures: list[Picture]
    of: int


def splits(run: Run) -> Splits | None:
    """Rows by split and by class."""
    version = run.dataset
    if version is None or "splits" not in version.entry.counts or "features" not in version.entry.meta:
        return None
    dataset = Dataset(version)
    total = sum(dataset.splits.values()) or 1
    parts = [Split(name, rows, rows / total) for name, rows in dataset.splits.items()]
    features = [(name, _described(feature)) for name, feature in dataset.features.items()]
    label = next((name for name, one in dataset.features.targets.items() if one.is_class_index), None)
    found = _class_rows(dataset, label) if label else []
    largest = max((pair[1] for one in found for pair in one.rows if pair), default=0.0)
    return Splits(version.ref, parts, _some(found), largest, len(found), features)


def _described(feature: Any) -> str:
    parts = [feature.kind, "×".join(map(str, feature.shape)) or "one value", f"{feature.dtype.name}, {feature.role}"]
    if isinstance(feature, Image) and feature.statistics:
        parts.append(f"mean {feature.statistics.mean:.3f}, std {feature.statistics.std:.3f} of the train split")
    if feature.is_class_index:
        parts[1] = f"{len(feature.class_labels)} classes"
    return ", ".join(parts)


def _class_rows(dataset: Dataset, name: str) -> list[ClassRows]:
    label = dataset.features[name]
    counts = [_counted(dataset, split, name) for split in dataset.splits]
    return [ClassRows(said, [None if found is None else (int(found[index]), found[index] / max(1, int(found.sum())))
                             for found in counts]) for index, said in enumerate(label.class_labels)]


def _counted(dataset: Dataset, split: str, name: str) -> npt.NDArray[np.int64] | None:
    """(classes,) rows; None for a split too large to count here."""
    rows = dataset.splits[split]
    if rows > MOST_ROWS:
        return None
    label = dataset.features[name]
    counts = np.zeros(len(label.class_labels), np.int64)
    with dataset.reader(split, [name]) as reader:
        for start in range(0, rows, _CHUNK):
            counts += label.class_counts(reader.read(np.arange(start, min(start + _CHUNK, rows)))[name])
    return counts


def _some(found: list[ClassRows]) -> list[ClassRows]:
    """All classes or, of many, the largest and the smallest of the first split."""
    if len(found) <= MOST_CLASSES:
        return found
    order = sorted(found, key=lambda one: -(one.rows[0][0] if one.rows and one.rows[0] else 0))
    return [*order[: MOST_CLASSES // 2], *order[-MOST_CLASSES // 2 :]]


def samples(run: Run) -> Gallery | None:
    """Some rows of the train split, or of the first where none has that name."""
    version = run.dataset
    if version is None or not version.entry.counts.get("splits") or "features" not in version.entry.meta:
        return None
    dataset = Dataset(version)
    split = "train" if "train" in dataset.splits else next(iter(dataset.splits))
    image = _image(dataset.features)
    if image is None:
        return None
    rows = dataset.sample(split, SAMPLES)
    pictures = []
    for place, pixels in enumerate(rows[image]):
        said, called = _label(dataset.features, rows, place), _called(dataset.features, rows, place)
        pictures.append(Picture(tile(pixels), f"Sample of class {said}", said, detail=called))
    return Gallery(version.ref, split, pictures, dataset.splits[split])


def mistakes(run: Run) -> Gallery | None:
    """The rows in which the model was most surely wrong."""
    version = run.last("evaluate")
    found = version.entry.meta.get("mistakes") if version else None
    held = run.parent(version, "features")
    if version is None or found is None or held is None:
        return None
    meta, dataset = version.entry.meta, Dataset(held)
    image = _image(dataset.features)
    if image is None:
        return None
    split, labels = meta["split"], meta["labels"]
    with dataset.reader(split, [image, *dataset.features.ids]) as reader:
        rows = reader.read(np.array([one["row"] for one in found], np.int64))
    pictures = []
    for place, one in enumerate(found):
        true, said = str(labels[one["true"]]), str(labels[one["predicted"]])
        pictures.append(Picture(tile(rows[image][place]), f"Of class {true}, predicted as {said}", f"{true} → {said}",
                                words.share(one.get("probability")), _called(dataset.features, rows, place)))
    matrix = np.asarray(meta["confusion"])
    wrong = meta.get("wrong", matrix.sum() - np.trace(matrix))
    return Gallery(version.ref, split, pictures, int(wrong))


def _image(features: FeatureSet) -> str | None:
    return next((name for name, feature in features.items() if isinstance(feature, Image)), None)


def _label(features: FeatureSet, rows: Mapping[str, Any], place: int) -> str:
    return ", ".join(feature.caption(rows[name][place]) for name, feature in features.items() if feature.is_class_index)


def _called(features: FeatureSet, rows: Mapping[str, Any], place: int) -> str:
    return words.shortened(", ".join(str(rows[name][place]) for name in features.ids), _LONGEST_ID)
