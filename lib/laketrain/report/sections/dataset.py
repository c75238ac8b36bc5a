"""The dataset: its splits and classes, samples of its rows, and the worst mistakes of the model.

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
from laketrain.lake.manifests import EvaluationManifest
from laketrain.report import format as fmt
from laketrain.report.png import thumbnail
from laketrain.report.run import Run

SAMPLES = 24
MOST_CLASSES = 30
# Reading labels is cheap, but the report of every run must not take minutes.
MOST_ROWS = 2_000_000
_CHUNK = 1 << 16
_LONGEST_ID = 24


@dataclass(frozen=True)
class Split:
    """A split, its rows, and its fraction of all rows."""

    name: str
    rows: int
    share: float


@dataclass(frozen=True)
class ClassRows:
    """Rows of a class by split: (rows, their share of the split), or None if they weren't counted."""

    label: str
    rows: list[tuple[int, float] | None]


@dataclass(frozen=True)
class Splits:
    """Splits, classes (`count` in all) and features of the dataset. `largest` is a class's largest share of a split."""

    ref: str
    splits: list[Split]
    classes: list[ClassRows]
    largest: float
    count: int
    features: list[tuple[str, str]]


@dataclass(frozen=True)
class Picture:
    """A picture with its captions; `detail` is the row's id."""

    src: str
    alt: str
    title: str
    note: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Gallery:
    """Pictures of a split, out of `of`."""

    ref: str
    split: str
    pictures: list[Picture]
    of: int


def splits(run: Run) -> Splits | None:
    """Rows by split and by class."""
    version = run.dataset
    if version is None or "splits" not in version.entry.counts:
        return None
    dataset = Dataset(version)
    if not dataset.manifest.features:
        return None
    total = sum(dataset.splits.values()) or 1
    parts = [Split(name, rows, rows / total) for name, rows in dataset.splits.items()]
    features = [(name, _description(feature)) for name, feature in dataset.features.items()]
    label = next((name for name, feature in dataset.features.targets.items() if feature.is_class_index), None)
    classes = _class_rows(dataset, label) if label else []
    largest = max((pair[1] for line in classes for pair in line.rows if pair), default=0.0)
    return Splits(version.ref, parts, _shown(classes), largest, len(classes), features)


def _description(feature: Any) -> str:
    parts = [feature.kind, "×".join(map(str, feature.shape)) or "one value", f"{feature.dtype.name}, {feature.role}"]
    if isinstance(feature, Image) and feature.statistics:
        parts.append(f"mean {feature.statistics.mean:.3f}, std {feature.statistics.std:.3f} of the train split")
    if feature.is_class_index:
        parts[1] = f"{len(feature.class_labels)} classes"
    return ", ".join(parts)


def _class_rows(dataset: Dataset, name: str) -> list[ClassRows]:
    label = dataset.features[name]
    by_split = [_class_counts(dataset, split, name) for split in dataset.splits]
    return [ClassRows(text, [None if counts is None else (int(counts[index]), counts[index] / max(1, int(counts.sum())))
                             for counts in by_split]) for index, text in enumerate(label.class_labels)]


def _class_counts(dataset: Dataset, split: str, name: str) -> npt.NDArray[np.int64] | None:
    """Rows by class, (classes,); None for a split that is too large to count here."""
    rows = dataset.splits[split]
    if rows > MOST_ROWS:
        return None
    label = dataset.features[name]
    counts = np.zeros(len(label.class_labels), np.int64)
    with dataset.reader(split, [name]) as reader:
        for start in range(0, rows, _CHUNK):
            counts += label.class_counts(reader.read(np.arange(start, min(start + _CHUNK, rows)))[name])
    return counts


def _shown(classes: list[ClassRows]) -> list[ClassRows]:
    """All classes or, of many, the largest and the smallest of the first split."""
    if len(classes) <= MOST_CLASSES:
        return classes
    order = sorted(classes, key=lambda line: -(line.rows[0][0] if line.rows and line.rows[0] else 0))
    return [*order[: MOST_CLASSES // 2], *order[-MOST_CLASSES // 2 :]]


def samples(run: Run) -> Gallery | None:
    """Samples of the train split, or of the first split if none has that name."""
    version = run.dataset
    if version is None or not version.entry.counts.get("splits"):
        return None
    dataset = Dataset(version)
    if not dataset.manifest.features:
        return None
    split = "train" if "train" in dataset.splits else next(iter(dataset.splits))
    image = _image(dataset.features)
    if image is None:
        return None
    rows = dataset.sample(split, SAMPLES)
    pictures = []
    for index, pixels in enumerate(rows[image]):
        label, row_id = _label(dataset.features, rows, index), _row_id(dataset.features, rows, index)
        pictures.append(Picture(thumbnail(pixels), f"Sample of class {label}", label, detail=row_id))
    return Gallery(version.ref, split, pictures, dataset.splits[split])


def mistakes(run: Run) -> Gallery | None:
    """The misclassified rows with the highest loss."""
    version = run.last("evaluate")
    features = run.parent(version, "features")
    if version is None or features is None:
        return None
    evaluation, dataset = EvaluationManifest.of(version), Dataset(features)
    section = next(iter(evaluation.sections.values())) if len(evaluation.sections) == 1 else {}
    worst = section.get("mistakes")
    if worst is None:
        return None
    image = _image(dataset.features)
    if image is None:
        return None
    split, labels = evaluation.split, section["labels"]
    with dataset.reader(split, [image, *dataset.features.ids]) as reader:
        rows = reader.read(np.array([mistake["row"] for mistake in worst], np.int64))
    pictures = []
    for index, mistake in enumerate(worst):
        true, predicted = str(labels[mistake["true"]]), str(labels[mistake["predicted"]])
        pictures.append(Picture(thumbnail(rows[image][index]), f"Of class {true}, predicted as {predicted}",
                                f"{true} → {predicted}", fmt.percent(mistake.get("probability")),
                                _row_id(dataset.features, rows, index)))
    matrix = np.asarray(section["confusion"])
    wrong = section.get("wrong", matrix.sum() - np.trace(matrix))
    return Gallery(version.ref, split, pictures, int(wrong))


def _image(features: FeatureSet) -> str | None:
    return next((name for name, feature in features.items() if isinstance(feature, Image)), None)


def _label(features: FeatureSet, rows: Mapping[str, Any], index: int) -> str:
    return ", ".join(feature.caption(rows[name][index]) for name, feature in features.items() if feature.is_class_index)


def _row_id(features: FeatureSet, rows: Mapping[str, Any], index: int) -> str:
    return fmt.shortened(", ".join(str(rows[name][index]) for name in features.ids), _LONGEST_ID)
