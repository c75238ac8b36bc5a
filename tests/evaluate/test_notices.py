"""What should be known before figures are believed is said in words: leaks, classes without rows, a model that its
baselines beat."""

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


@pytest.mark.parametrize(("kind", "value", "baselines", "said"), [
    ("label", 0.61, {"majority": 0.7, "linear": 0.9},
     ["accuracy 0.6100 is worse than the baselines majority 0.7000, linear 0.9000: the model has not earned its"]),
    ("label", 0.8, {"majority": 0.7, "linear": 0.9}, ["accuracy 0.8000 is worse than the baseline linear 0.9000"]),
    ("label", 0.7, {"majority": 0.7, "linear": 0.6}, ["accuracy 0.7000 is no better than the baseline majority,"]),
    ("label", 1.0, {"majority": 0.7, "linear": 1.0}, []),
    ("value", 0.18000001, {"mean": 0.18}, ["mae 0.1800 is no better than the baseline mean, which needs no training"]),
    ("value", 0.2, {"mean": 0.18}, ["mae 0.2000 is worse than the baseline mean 0.1800"]),
    ("value", 0.1, {"mean": 0.18, "last": 0.2}, []),
    ("value", float("nan"), {"mean": 0.18}, ["mae isn't a number"]),
])
def test_a_model_that_its_baselines_beat_is_told_with_what_helps(lake: Lake, kind: str, value: float,
                                                                 baselines: dict[str, float], said: list[str]) -> None:
    dataset = dataset_of(lake, EVEN)
    found = notices_of(dataset, "train", "test", {"y": section(value, baselines, kind=kind)})
    assert len(found) == len(said)
    assert all(one.startswith(begins) for one, begins in zip(found, said, strict=True))


def test_of_several_targets_the_one_is_named(lake: Lake) -> None:
    dataset = dataset_of(lake, EVEN)
    found = notices_of(dataset, "train", "test", {"y": section(0.5, {"majority": 0.6}),
                                                  "z": section(2.0, {"mean": 1.0}, kind="value")})
    assert [one.split(" is")[0] for one in found] == ["y accuracy 0.5000", "z mae 2.0000"]


@pytest.mark.parametrize(("classes", "said"), [
    ({"train": [5, 5, 5], "val": [1, 1, 1], "test": [3, 3, 0]},
     "class c2 of 'y' has no row in test: nothing is measured of it there, and macro means leave it out. "),
    ({"train": [5, 0, 5], "val": [1, 1, 1], "test": [3, 3, 3]},
     "class c1 of 'y' has no row in train: the model never learnt it and can't say it. "),
    ({"train": [5, 0, 5], "val": [1, 0, 1], "test": [3, 0, 3]},
     "class c1 of 'y' has no row in any split: the model never learnt it, and nothing is measured of it. "),
    ({"train": [5, 0, 0], "val": [1, 0, 0], "test": [3, 2, 2]},
     "classes c1, c2 of 'y' have no row in train and val: the model never learnt them and can't say them. "),
    ({"train": [5, *[0] * 8], "val": [1] * 9, "test": [3] * 9},
     "classes c1, c2, c3, c4, c5 and 3 more of 'y' have no row in train: "),
])
def test_classes_without_rows_are_told_with_what_it_means(lake: Lake, classes: dict[str, list[int]], said: str) -> None:
    dataset = dataset_of(lake, classes)
    evaluated = notices_of(dataset, "train", "test", {"y": section(0.9, {"majority": 0.5}, tuple(classes["test"]))})
    assert len(evaluated) == 1 and evaluated[0].startswith(said)
    assert notices_of_dataset(dataset) == evaluated


def test_of_a_dataset_that_counts_no_classes_the_evaluation_itself_tells(lake: Lake) -> None:
    [said] = notices_of(dataset_of(lake), "train", "test", {"y": section(0.9, {}, (3, 3, 0))})
    assert said.startswith("class c2 of 'y' has no row in test: nothing is measured of it there")
    learnt = commit_tiny(lake)
    assert notices_of_dataset(learnt) == []


def test_a_leak_is_told_with_what_it_does_to_figures(lake: Lake) -> None:
    leak = "'patient' leaks between train and test: 3 values, e.g. p-17"
    dataset = dataset_of(lake, leaks=[leak])
    [said] = notices_of_dataset(dataset)
    assert said.startswith(f"{leak}. What the model was shown of them it knows again, so figures flatter it.")
    assert "'convert.split.by'" in said
    [both] = notices_of_dataset(dataset_of(lake, leaks=[leak, "the inputs leak between train and val: 2 values"]))
    assert both.startswith(f"{leak}; the inputs leak between train and val: 2 values. What")
    assert said in notices_of(dataset, "train", "test", {"y": section(0.9, {})})


def test_what_counts_as_0_without_being_measured_is_told(lake: Lake) -> None:
    dataset = dataset_of(lake, EVEN)
    found = notices_of(dataset, "train", "test", {"y": section(
        0.9, {}, undefined={"precision": ["c0", "c1"], "recall": ["c2"]})})
    assert found == [
        "classes c0, c1 of 'y' are never predicted: their precision is undefined and counts as 0 in macro_precision",
        "class c2 of 'y' is never true in test: its recall is undefined and counts as 0 in macro_recall"]
