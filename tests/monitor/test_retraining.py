"""New data lead to another training only as far as the workload asks."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import ValidationError
from tests.profile.columns import after, number, numbers, text
from tests.road import Quiet
from tests.small import CONFIG, Small, build_small, write

from laketrain.lake import Lake, Version
from laketrain.monitor.retraining import model_to_keep
from laketrain.profile.model import FILE, TableProfile
from laketrain.profile.store import fingerprint_profile, profiles_of
from laketrain.train import fingerprint_train
from laketrain.workload import Train

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

TRAINING = """
train: {model: {name: linear}, epochs: 1, batch: 4}
evaluate: {}
"""
FEATURES = {"label": {"kind": "label", "column": "label", "classes": 3}}


def dataset_of(lake: Lake, rows: int) -> Version:
    with lake.table("features", "digits").stage() as draft:
        return draft.commit(counts={"splits": {"train": rows}}, parents={"clean/digits": 1},
                            meta={"features": FEATURES})


def model_of(dataset: Version, config: Train) -> Version:
    with dataset.lake.table("models", "digits").stage() as draft:
        return draft.commit(fingerprint=fingerprint_train(dataset, config),
                            parents={dataset.table: dataset.number})


def train(**settings: Any) -> Train:
    return Train.model_validate({"model": {"name": "linear"}, **settings})


@pytest.mark.parametrize(("rows", "kept"), [(100, True), (109, True), (110, False), (300, False), (90, True)])
def test_a_model_is_kept_until_its_split_has_grown_by_the_share(tmp_path: Path, rows: int, kept: bool) -> None:
    config, lake = train(retrain_when={"rows": 0.1}), Lake(tmp_path)
    model = model_of(dataset_of(lake, 100), config)
    kept_model = model_to_keep(dataset_of(lake, rows), "digits", config)
    assert (kept_model is not None) == kept
    if kept_model is not None:
        assert (kept_model.model.ref, kept_model.dataset.ref) == (model.ref, "features/digits@1")
        assert kept_model.reason == f"{rows / 100 - 1:+.1%} rows"


def test_a_model_is_kept_until_it_is_old(tmp_path: Path) -> None:
    config, lake = train(retrain_when={"days": 7}), Lake(tmp_path)
    model_of(dataset_of(lake, 100), config)
    new, now = dataset_of(lake, 500), datetime.now(timezone.utc)
    standing = model_to_keep(new, "digits", config, now=now + timedelta(days=6.5))
    assert standing is not None and standing.reason == "6.5 days old"
    assert model_to_keep(new, "digits", config, now=now + timedelta(days=7.1)) is None


def test_any_one_reason_is_enough(tmp_path: Path) -> None:
    config, lake = train(retrain_when={"days": 7, "rows": 0.5}), Lake(tmp_path)
    model_of(dataset_of(lake, 100), config)
    few, many, now = dataset_of(lake, 120), dataset_of(lake, 200), datetime.now(timezone.utc)
    assert model_to_keep(few, "digits", config, now=now) is not None
    assert model_to_keep(many, "digits", config, now=now) is None
    assert model_to_keep(few, "digits", config, now=now + timedelta(days=8)) is None


def test_other_settings_and_a_missing_dataset_are_reasons_to_train(tmp_path: Path) -> None:
    config, lake = train(retrain_when={"rows": 0.5}), Lake(tmp_path)
    assert model_to_keep(dataset_of(lake, 100), "digits", config) is None
    model_of(lake.version("features/digits@1"), config)
    new = dataset_of(lake, 101)
    assert model_to_keep(new, "digits", train(retrain_when={"rows": 0.5}, epochs=3)) is None
    assert model_to_keep(new, "digits", train(retrain_when={"rows": 0.2})) is not None
    assert model_to_keep(new, "digits", train()) is None
    lake.table("features", "digits").drop(1)
    assert model_to_keep(new, "digits", config) is None


def test_unknown_drift_is_a_reason_to_train(tmp_path: Path) -> None:
    config, lake = train(retrain_when={"drift": "strong"}), Lake(tmp_path)
    model_of(dataset_of(lake, 100), config)
    with lake.table("features", "digits").stage() as draft:
        other = draft.commit(counts={"splits": {"train": 100}}, parents={"clean/digits": 2},
                             meta={"features": FEATURES})
    assert model_to_keep(other, "digits", config) is None


def drawn(before: TableProfile | None, version: int, width: float, longest: int) -> TableProfile:
    """The profile of a table's version, with its numbers counted in the bins of the earlier profile."""
    random = np.random.default_rng(version)
    size = number(width * random.normal(size=2000), before.column("x") if before else None)
    old = before.column("y").lengths if before else None
    lengths = numbers(random.integers(1, longest + 1, 2000).astype(float), old, step=1)
    key = text([str(number) for number in range(2000)], complete=False, lengths=lengths)
    return after(before, size, key.model_copy(update={"name": "y"}))


@pytest.mark.parametrize(("widths", "longest", "kept"), [
    ((1, 1.2, 1.2, 1.2), (12, 12, 12, 12), [True, True, True]), ((1, 3, 1, 1), (12, 12, 12, 12), [False, True, True]),
    ((1, 1.35, 1.5, 1.8), (12, 12, 12, 12), [True, True, False]),
    ((1, 1, 1, 1), (12, 13, 12, 13), [True, True, True]), ((1, 1, 1, 1), (12, 60, 13, 60), [False, True, False])])
def test_drift_is_measured_from_the_models_own_dataset_across_any_number_of_versions(
        tmp_path: Path, widths: tuple[float, ...], longest: tuple[int, ...], kept: list[bool]) -> None:
    config, lake = train(retrain_when={"drift": "strong"}), Lake(tmp_path)
    profile, results = None, []
    for version, (width, most) in enumerate(zip(widths, longest, strict=True), 1):
        with lake.table("clean", "digits").stage() as draft:
            table = draft.commit()
        profile = drawn(profile, version, width, most)
        with profiles_of(table).stage() as draft:
            lake.store.write(draft.path(FILE), profile.model_dump_json().encode())
            draft.commit(fingerprint=fingerprint_profile(table), parents={table.table: version})
        with lake.table("features", "digits").stage() as draft:
            dataset = draft.commit(counts={"splits": {"train": 2000}}, parents={table.table: version},
                                   meta={"features": FEATURES})
        if version == 1:
            model_of(dataset, config)
        else:
            results.append(model_to_keep(dataset, "digits", config) is not None)
    assert results == kept


def test_a_policy_that_would_never_train_is_refused() -> None:
    with pytest.raises(ValidationError, match="received none of rows, days and drift"):
        train(retrain_when={})


def add(home: Small, name: str, rows: range, label: int | None = None) -> None:
    write(home.landing / "scans" / f"{name}.csv", [{"id": f"n{n}", "pixels": f"{n % 200} 7 7 255"} for n in rows])
    labels = home.landing / "labels" / "monday.csv"
    more = "".join(f"n{n},{n % 3 if label is None else label}\n" for n in rows)
    labels.write_text(labels.read_text() + more, "utf-8")


@pytest.mark.slow
def test_a_run_trains_again_when_labels_have_drifted_and_not_before(spark: SparkSession, tmp_path: Path) -> None:
    home = build_small(tmp_path)
    home.config.write_text(CONFIG + TRAINING, "utf-8")
    sets = ("train.retrain_when={drift: strong}", "train.validation=null")

    def models(*more: str) -> list[int]:
        pipeline = home.pipeline(spark, *sets, *more)
        listener = pipeline.listener
        assert isinstance(listener, Quiet)
        pipeline.run()
        if listener.notes:
            assert listener.notes == [
                "models/small@1 is kept (no column with strong drift), as 'train.retrain_when' asks"]
            assert pipeline.outcomes[-1].skipped, "the model is measured on what it was trained beside"
        return home.lake.table("models", "small").versions()

    assert models() == [1]
    add(home, "alike", range(61, 67))
    assert models() == [1]
    assert home.lake.table("features", "small").versions() == [1, 2]
    later = home.pipeline(spark, *sets)
    later.evaluate()
    assert later.outcomes[-1].skipped, "also by itself, and beside a newer dataset"
    add(home, "others", range(67, 400), label=2)
    assert models() == [1, 2]
