"""Warnings about an evaluation or a dataset: sentences with the finding, what it means, and what helps.

    notices_of(dataset, "train", "test", sections)
    # ["accuracy 0.6100 is worse than the baseline majority 0.7000: …", "'patient' leaks between train and test: …"]
    notices_of_dataset(dataset)         # only from the counts of convert
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from laketrain.features import FeatureSet
from laketrain.lake import Version
from laketrain.lake.manifests import DatasetManifest
from laketrain.tasks import task_of_section
from laketrain.tasks.class_scores import named


def notices_of(dataset: Version, train: str, split: str, sections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The warnings about a model that was trained on the split `train` and measured on `split`."""
    manifest = DatasetManifest.of(dataset)
    counts = _counts(manifest)
    for target, section in sections.items():
        for scores in section["metrics"].get("classes", []):
            counts.setdefault(target, {}).setdefault(split, {})[scores["label"]] = scores["rows"]
    several = len(sections) > 1
    return [*(notice for target, section in sections.items()
              for notice in _against_baselines(section, f"{target} " if several else "")),
            *_leaks(manifest), *_narrow(manifest), *_classes(dataset, counts, train),
            *(notice for target, section in sections.items()
              for notice in task_of_section(section).notices(target, section, split))]


def notices_of_dataset(dataset: Version, train: str = "train") -> list[str]:
    """The warnings about a dataset: leaks, splits of a single value, and classes without rows."""
    manifest = DatasetManifest.of(dataset)
    return [*_leaks(manifest), *_narrow(manifest), *_classes(dataset, _counts(manifest), train)]


def _against_baselines(section: Mapping[str, Any], of: str) -> Iterator[str]:
    """Warns if the model is worse than a baseline, or no better than a constant one."""
    task = task_of_section(section)
    title = task.headline.metric.replace("_", " ")
    value, better = section["metrics"][task.headline.metric], 1 if task.headline.mode == "max" else -1
    if math.isnan(value):
        yield (f"{of}{title} isn't a number: some prediction is NaN or infinite. Look at the inputs "
               "and at the learning rate")
        return
    result = f"{of}{title} {_short(value)}"
    beaten = {name: other for name, other in section["baselines"].items()
              if better * (other - value) > 0 and _short(other) != _short(value)}
    if beaten:
        names = ", ".join(f"{name} {_short(other)}" for name, other in beaten.items())
        many = "s" if len(beaten) > 1 else ""
        yield (f"{result} is worse than the baseline{many} {names}. Train longer or with another learning rate, look "
               "at the learning curves, or use the baseline")
    same = [name for name in task.constant_baselines if name in section["baselines"] and name not in beaten
            and _short(section["baselines"][name]) == _short(value)]
    if same:
        yield (f"{result} is no better than the baseline {' and '.join(same)}, which needs no training: the model may "
               "have learnt nothing. Look at the learning curves, and whether the inputs can predict the target")


def _leaks(dataset: DatasetManifest) -> Iterator[str]:
    if dataset.leaks:
        yield (f"{'; '.join(dataset.leaks)}. The model has seen them in training, so its metrics are too good. Keep "
               "related rows in one split ('convert.split.by'), or drop duplicates in clean, and train again")


def _narrow(dataset: DatasetManifest) -> Iterator[str]:
    for finding in dataset.narrow:
        yield (f"{finding}: its metrics cover that value alone, which training may not contain. Split by a column "
               "with more values, or name the splits by 'convert.split.by_column'")


def _counts(dataset: DatasetManifest) -> dict[str, dict[str, dict[str, int]]]:
    """target -> split -> class -> rows, as convert counted them; of older datasets only the train split."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    if not dataset.features:
        return counts
    features = FeatureSet.from_json(json.dumps(dataset.features))
    for name, feature in features.targets.items():
        if labels := feature.class_labels:
            fitted = feature.train_class_counts
            by_split: dict[str, Sequence[int]] = {} if fitted is None else {"train": fitted}
            if dataset.classes is not None:
                by_split = {split: rows[name] for split, rows in dataset.classes.items()}
            counts[name] = {split: dict(zip(labels, rows, strict=True)) for split, rows in by_split.items()}
    return counts


def _classes(dataset: Version, counts: Mapping[str, Mapping[str, Mapping[str, int]]], train: str) -> Iterator[str]:
    all_splits = set(dataset.entry.counts.get("splits") or ())
    for target, by_split in counts.items():
        missing: dict[tuple[str, ...], list[str]] = {}
        for label in next(iter(by_split.values()), {}):
            splits = tuple(split for split, rows in by_split.items() if not rows[label])
            if splits:
                missing.setdefault(splits, []).append(label)
        for splits, labels in missing.items():
            yield _missing(target, labels, splits, everywhere=set(splits) == all_splits, train=train)


def _missing(target: str, labels: Sequence[str], splits: Sequence[str], everywhere: bool, train: str) -> str:
    single = len(labels) == 1
    text = f"{'class' if single else 'classes'} {named(labels)} of {target!r} {'has' if single else 'have'} no row in "
    it = "it" if single else "them"
    if everywhere:
        return (f"{text}any split: the model can't learn {it}, and no metric covers {it}. Add rows of {it}, or "
                f"remove {it} from 'convert.features.{target}'")
    where = " and ".join(splits)
    stratify = f"Add more rows of {it}, or let 'convert.split.stratify' distribute them over the splits"
    if train in splits:
        return f"{text}{where}: the model never saw {it} and can't predict {it}. {stratify}"
    return f"{text}{where}: no metric covers {it} there, and macro means leave {it} out. {stratify}"


def _short(value: float) -> str:
    return f"{value:.3g}" if 0 < abs(value) < 0.001 else f"{value:.4f}"
