"""Leaks, classes without rows and a model worse than its baselines have warnings."""

from __future__ import annotations

from typing import Any

import pytest
from tests.tiny import commit_tiny

from laketrain.evaluate.notices import notices_of, notices_of_dataset
from laketrain.features import FeatureSet
from laketrain.lake import Lake, Version

EVEN = {split: [3, 3, 3] for split in ("train", "val", "test")}
NAMES = [f"c{number}" for number in range(9)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake(tmp_path_factory.mktemp("lake"))


def dataset_of(lake: Lake, classes: dict[str, list[int]] | None = None, leaks: list[str] | None = None) -> Version:
    """A dataset of a label with these rows by class in each split."""
    names = NAMES[:len(next(iter(classes.values())))] if classes else NAMES[:3]
    features = FeatureSet.model_validate({"x": {"kind": "number"}, "y": {"kind": "label", "names": names}})
    with lake.table("features", "d").stage() as draft:
        return draft.commit(stage="convert", fingerprint="d", counts={"splits": dict.fromkeys(EVEN, 9)}, meta={
            "features": features.model_dump(mode="json", by_alias=True), "leaks": leaks or [],
            **({} if classes is None else {"classes": {split: {"y": rows} for split, rows in classes.items()}})})


def section(value: float, baselines: dict[str, float], rows: tuple[int, ...] = (3, 3, 3), kind: str = "label",
            **more: Any) -> dict[str, Any]:
    figure = {"label": "accuracy", "value": "mae"}[kind]
    classes = [{"label": name, "rows": count} for name, count in zip(NAMES, rows, strict=False)]
    return {"kind": kind, "metrics": {figure: value, **({"classes": classes} if kind == "label" else {})},
            "baselines": baselines, **more}


@pytest.mark.parametrize(("kind", "value", "baselines", "messages"), [
    ("label", 0.61, {"majority": 0.7, "linear": 0.9},
     ["accuracy 0.6100 is worse than the baselines majority 0.7000, linear 0.9000. Train longer"]),
    ("label", 0.8, {"majority": 0.7, "linear": 0.9}, ["accuracy 0.8000 is worse than the baseline linear 0.9000"]),
    ("label", 0.7, {"majority": 0.7, "linear": 0.6}, ["accuracy 0.7000 is no better than the baseline majority,"]),
    ("label", 1.0, {"majority": 0.7, "linear": 1.0}, []),
    ("value", 0.18000001, {"mean": 0.18}, ["mae 0.1800 is no better than the baseline mean, which needs no training"]),
    ("value", 0.2, {"mean": 0.18}, ["mae 0.2000 is worse than the baseline mean 0.1800"]),
    ("value", 0.1, {"mean": 0.18, "last": 0.2}, []),
    ("value", float("nan"), {"mean": 0.18}, ["mae isn't a number"]),
])
def test_a_model_worse_than_its_baselines_has_a_warning_with_a_next_step(
        lake: Lake, kind: str, value: float, baselines: dict[str, float], messages: list[str]) -> None:
    dataset = dataset_of(lake, EVEN)
    result = notices_of(dataset, "train", "test", {"y": section(value, baselines, kind=kind)})
    assert len(result) == len(messages)
    assert all(notice.startswith(begins) for notice, begins in zip(result, messages, strict=True))


def test_warnings_name_their_target(lake: Lake) -> None:
    dataset = dataset_of(lake, EVEN)
    result = notices_of(dataset, "train", "test", {"y": section(0.5, {"majority": 0.6}),
                                                  "z": section(2.0, {"mean": 1.0}, kind="value")})
    assert [notice.split(" is")[0] for notice in result] == ["y accuracy 0.5000", "z mae 2.0000"]


@pytest.mark.parametrize(("classes", "message"), [
    ({"train": [5, 5, 5], "val": [1, 1, 1], "test": [3, 3, 0]},
     "class c2 of 'y' has no row in test: no metric covers it there, and macro means leave it out. "),
    ({"train": [5, 0, 5], "val": [1, 1, 1], "test": [3, 3, 3]},
     "class c1 of 'y' has no row in train: the model never saw it and can't predict it. "),
    ({"train": [5, 0, 5], "val": [1, 0, 1], "test": [3, 0, 3]},
     "class c1 of 'y' has no row in any split: the model can't learn it, and no metric covers it. "),
    ({"train": [5, 0, 0], "val": [1, 0, 0], "test": [3, 2, 2]},
     "classes c1, c2 of 'y' have no row in train and val: the model never saw them and can't predict them. "),
    ({"train": [5, *[0] * 8], "val": [1] * 9, "test": [3] * 9},
     "classes c1, c2, c3, c4, c5 and 3 more of 'y' have no row in train: "),
])
def test_classes_without_rows_have_a_warning_with_its_consequence(lake: Lake, classes: dict[str, list[int]],
                                                                  message: str) -> None:
    dataset = dataset_of(lake, classes)
    evaluated = notices_of(dataset, "train", "test", {"y": section(0.9, {"majority": 0.5}, tuple(classes["test"]))})
    assert len(evaluated) == 1 and evaluated[0].startswith(message)
    assert notices_of_dataset(dataset) == evaluated


def test_without_counts_of_classes_the_evaluations_own_counts_are_used(lake: Lake) -> None:
    [message] = notices_of(dataset_of(lake), "train", "test", {"y": section(0.9, {}, (3, 3, 0))})
    assert message.startswith("class c2 of 'y' has no row in test: no metric covers it there")
    learnt = commit_tiny(lake)
    assert notices_of_dataset(learnt) == []


def test_leakage_has_a_warning_with_its_consequence(lake: Lake) -> None:
    leak = "'patient' leaks between train and test: 3 values, e.g. p-17"
    dataset = dataset_of(lake, leaks=[leak])
    [message] = notices_of_dataset(dataset)
    assert message.startswith(f"{leak}. The model has seen them in training, so its metrics are too good.")
    assert "'convert.split.by'" in message
    [both] = notices_of_dataset(dataset_of(lake, leaks=[leak, "the inputs leak between train and val: 2 values"]))
    assert both.startswith(f"{leak}; the inputs leak between train and val: 2 values. The model")
    assert message in notices_of(dataset, "train", "test", {"y": section(0.9, {})})


def test_metrics_that_count_as_0_without_rows_have_a_warning(lake: Lake) -> None:
    dataset = dataset_of(lake, EVEN)
    result = notices_of(dataset, "train", "test", {"y": section(
        0.9, {}, undefined={"precision": ["c0", "c1"], "recall": ["c2"]})})
    assert result == [
        "classes c0, c1 of 'y' are never predicted: their precision is undefined and counts as 0 in macro_precision",
        "class c2 of 'y' is never true in test: its recall is undefined and counts as 0 in macro_recall"]
