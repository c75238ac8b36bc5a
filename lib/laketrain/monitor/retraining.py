"""Decides whether new data are reason to train again, or the latest model is kept.

    model_to_keep(dataset, "mnist", config)  ->  KeptModel(models/mnist@3, its dataset, "6 % more rows, …") or None
"""

from __future__ import annotations

from datetime import datetime, timezone

from laketrain.config.train import RetrainWhen
from laketrain.errors import LakeError
from laketrain.feed.dataset import Dataset
from laketrain.lake import Version
from laketrain.profile.drift import drift_between
from laketrain.profile.model import load_profile
from laketrain.profile.store import find_profile
from laketrain.train.pipeline_stage import KeptModel
from laketrain.train.stage import fingerprints_train
from laketrain.workload import Train

_AT_LEAST = {"some": ("some", "strong"), "strong": ("strong",)}


def model_to_keep(dataset: Version, name: str, config: Train, *, now: datetime | None = None) -> KeptModel | None:
    """The latest model, if it was trained with these settings and `config.retrain_when` asks for no new one.

    None also if its dataset, or a profile that the drift needs, is no longer in the lake.
    """
    model = dataset.lake.table("models", name).latest()
    if config.retrain_when is None or model is None:
        return None
    try:
        trained_on = dataset.lake.version(f"{dataset.table}@{model.entry.parents[dataset.table]}")
        if model.entry.fingerprint not in fingerprints_train(trained_on, config):
            return None
        changes = _changes(config.retrain_when, config.split, model, trained_on, dataset,
                           now or datetime.now(timezone.utc))
    except (KeyError, LakeError):
        return None
    return None if changes is None else KeptModel(model, trained_on, changes)


def _changes(when: RetrainWhen, split: str, model: Version, before: Version, after: Version,
             now: datetime) -> str | None:
    """What has changed, as text; None if that is reason to train."""
    changes = []
    if when.rows is not None:
        old, new = (Dataset(dataset).splits[split] for dataset in (before, after))
        if new - old >= old * when.rows:
            return None
        changes.append(f"{new / max(1, old) - 1:+.1%} rows")
    if when.days is not None:
        age = (now - model.created).total_seconds() / 86_400
        if age >= when.days:
            return None
        changes.append(f"{age:.1f} days old")
    if when.drift is not None:
        if _drifted(when.drift, before, after):
            return None
        changes.append(f"no column with {when.drift} drift")
    return ", ".join(changes)


def _drifted(bound: str, before: Version, after: Version) -> list[str]:
    """Columns with at least the drift `bound` between the versions that the datasets were made from."""
    [table] = after.entry.parents
    if before.entry.parents == after.entry.parents:
        return []
    first, second = (find_profile(dataset.lake.version(f"{table}@{dataset.entry.parents[table]}"))
                     for dataset in (before, after))
    if first is None or second is None:
        raise LakeError("train", f"drift of {table}", "one of its versions has no profile")
    drift = drift_between(load_profile(first), load_profile(second))
    return [column.name for column in drift.columns if column.verdict in _AT_LEAST[bound]]
