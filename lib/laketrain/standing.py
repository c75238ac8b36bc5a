"""Whether new data are reason enough to train again, or the latest model stands for now.

    standing_model(dataset, "mnist", config)  ->  Standing(models/mnist@3, its dataset, "6 % more rows, …") or None
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

from laketrain.config.train import RetrainWhen
from laketrain.errors import LakeError
from laketrain.lake import Version
from laketrain.profile.drift import drift_between
from laketrain.profile.model import load_profile
from laketrain.profile.store import find_profile
from laketrain.train.stage import fingerprint_train
from laketrain.workload import Train

_WORSE = {"some": ("some", "strong"), "strong": ("strong",)}


@dataclass(frozen=True)
class Standing:
    """A model that is good enough for now, the dataset that it was trained on, and what has changed since."""

    model: Version
    dataset: Version
    because: str


def standing_model(dataset: Version, name: str, config: Train, *, now: datetime | None = None) -> Standing | None:
    """The latest model, where it was trained with these settings and `config.retrain_when` asks for no other one.

    None also where its dataset, or a profile that drift is told by, is no longer there: then nobody knows.
    """
    model = dataset.lake.table("models", name).latest()
    if config.retrain_when is None or model is None:
        return None
    try:
        trained_on = dataset.lake.version(f"{dataset.table}@{model.entry.parents[dataset.table]}")
        if fingerprint_train(trained_on, config) != model.entry.fingerprint:
            return None
        changes = _changes(config.retrain_when, config.split, model, trained_on, dataset,
                           now or datetime.now(timezone.utc))
    except (KeyError, LakeError):
        return None
    return None if changes is None else Standing(model, trained_on, changes)


def _changes(again: RetrainWhen, split: str, model: Version, before: Version, after: Version,
             now: datetime) -> str | None:
    """What has changed, in words; None where it is enough."""
    said = []
    if again.rows is not None:
        there, more = before.entry.counts["splits"][split], after.entry.counts["splits"][split]
        if more - there >= there * again.rows:
            return None
        said.append(f"{more / max(1, there) - 1:+.1%} rows")
    if again.days is not None:
        age = (now - model.created).total_seconds() / 86_400
        if age >= again.days:
            return None
        said.append(f"{age:.1f} days old")
    if again.drift is not None:
        drifted = _drifted(again.drift, before, after)
        if drifted:
            return None
        said.append(f"no column with {again.drift} drift")
    return ", ".join(said)


def _drifted(bound: str, before: Version, after: Version) -> list[str]:
    """Columns of the datasets' table that changed so much between the versions that they were made from."""
    [table] = after.entry.parents
    if before.entry.parents == after.entry.parents:
        return []
    first, second = (find_profile(dataset.lake.version(f"{table}@{dataset.entry.parents[table]}"))
                     for dataset in (before, after))
    if first is None or second is None:
        raise LakeError("train", f"drift of {table}", "one of its versions has no profile")
    drift = drift_between(load_profile(first), load_profile(second))
    return [column.name for column in drift.columns if column.verdict in _WORSE[bound]]
