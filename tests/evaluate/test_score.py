"""Ranks score disjoint rows of a split, and together all of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import tiny

from laketrain.config.evaluate import Evaluate
from laketrain.distributed.world import World
from laketrain.errors import DataError
from laketrain.evaluate import fingerprint_evaluate
from laketrain.evaluate.baselines import Baselines
from laketrain.evaluate.merge import merge_parts
from laketrain.evaluate.score import ScoreTask, score
from laketrain.events import RowsScored
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.models.saving import load_model
from laketrain.tasks import default_outputs
from laketrain.tasks.baselines import Constant

pytestmark = pytest.mark.slow
WORST = 7


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> ScoreTask:
    dataset = tiny.commit_tiny(Lake(tmp_path_factory.mktemp("lake")))
    model = tiny.commit_model(dataset)
    return ScoreTask(dataset.lake.url, dataset.ref, model.ref, "test", batch=16, worst=WORST)


def parts_of(task: ScoreTask, ranks: int) -> list[dict[str, Any]]:
    return [score(task, World(rank, ranks), lambda event: None) for rank in range(ranks)]


def merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return merge_parts(default_outputs(tiny.FEATURES), parts, WORST, weighted=False)["label"]


def baselines_of(version: Version) -> Baselines:
    return Baselines(Dataset(version), "train", default_outputs(Dataset(version).features))


def probabilities_of(task: ScoreTask) -> tuple[np.ndarray, np.ndarray]:
    """The model's probabilities, and the true classes."""
    lake = Lake(task.lake)
    images, labels = tiny.rows_of(lake.table("features", "tiny").get(1), "test")
    model = load_model(lake.table("models", "tiny").get(1))
    return np.asarray(model({"image": images}), np.float64), labels


def test_metrics_are_those_of_numpy_on_the_models_probabilities(task: ScoreTask) -> None:
    probabilities, labels = probabilities_of(task)
    losses = -np.log(probabilities[np.arange(61), labels])
    result = merged(parts_of(task, 1))

    expected = np.zeros((4, 4), np.int64)
    for true, predicted in zip(labels, probabilities.argmax(axis=1), strict=True):
        expected[true, predicted] += 1
    np.testing.assert_array_equal(result["confusion"], expected)
    assert result["metrics"]["loss"] == pytest.approx(losses.mean(), rel=1e-5)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    assert len(wrong) > WORST  # else there would be a single class
    worst = wrong[np.argsort(-losses[wrong], kind="stable")][:WORST]
    assert [mistake["row"] for mistake in result["mistakes"]] == worst.tolist()
    for mistake in result["mistakes"]:
        row = mistake["row"]
        assert mistake["true"] == labels[row]
        assert mistake["predicted"] == probabilities[row].argmax()
        assert mistake["probability"] == pytest.approx(probabilities[row].max(), rel=1e-5)
        assert mistake["loss"] == pytest.approx(losses[row], rel=1e-4)


def test_one_to_four_ranks_have_the_same_result(task: ScoreTask) -> None:
    alone = merged(parts_of(task, 1))
    for ranks in (2, 3, 4):
        parts = parts_of(task, ranks)
        assert [np.sum(part["label"]["confusion"]) for part in parts] == [
            (rank + 1) * 61 // ranks - rank * 61 // ranks for rank in range(ranks)]
        result = merged(parts)
        np.testing.assert_array_equal(result["confusion"], alone["confusion"])
        assert result["metrics"]["loss"] == pytest.approx(alone["metrics"]["loss"], rel=1e-6)
        assert [m["row"] for m in result["mistakes"]] == [m["row"] for m in alone["mistakes"]]


def test_more_ranks_than_rows_have_the_same_result(task: ScoreTask) -> None:
    parts = parts_of(replace(task, split="val"), 50)
    assert np.sum(merged(parts)["confusion"]) == 45
    assert min(np.sum(part["label"]["confusion"]) for part in parts) == 0


def test_progress_is_reported_to_the_last_row(task: ScoreTask) -> None:
    events: list[RowsScored] = []
    score(task, World(1, 2), events.append)
    assert events == [RowsScored(16, 31), RowsScored(31, 31)]


def test_an_unknown_split_is_refused(task: ScoreTask) -> None:
    with pytest.raises(DataError, match="Did you mean 'test'?"):
        score(replace(task, split="tset"), World(0, 1), lambda event: None)


def test_baselines_are_the_most_frequent_class_and_a_logistic_regression(task: ScoreTask) -> None:
    from sklearn.linear_model import LogisticRegression

    version = Lake(task.lake).table("features", "tiny").get(1)
    (images, labels), (unseen, truth) = tiny.rows_of(version, "train"), tiny.rows_of(version, "test")
    commonest = np.bincount(labels).argmax()
    learnt = baselines_of(version).of("label", ["linear", "last", "majority"])
    assert list(learnt) == ["linear", "majority"]
    result = merged(parts_of(replace(task, baselines={"label": learnt}), 2))["baselines"]
    assert result["majority"] == pytest.approx(np.mean(truth == commonest))
    plain = LogisticRegression(max_iter=500).fit(images.reshape(203, -1) / 255, labels)
    expected = plain.score(unseen.reshape(61, -1) / 255, truth)
    assert expected > 0.8
    assert result["linear"] == pytest.approx(expected, abs=0.07)


def test_the_linear_baseline_of_a_single_class_is_the_majority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "draw", lambda rows, seed: (np.zeros((rows, 8, 8, 1), np.uint8), np.arange(rows) % 2))
    version = tiny.commit_tiny(Lake(tmp_path), splits={"train": 10, "test": 9}, files=1)
    # A test split of rows 0, 2, 4 … has one class only; here it replaces the train split.
    monkeypatch.setattr(Dataset, "rows", lambda self, split: 1 if split == "train" else 9)
    result = baselines_of(version).of("label", ["linear"])["linear"]
    assert isinstance(result, Constant) and result.value == 0


def test_baselines_are_measured_on_all_rows_even_if_fitted_to_few(
        task: ScoreTask, monkeypatch: pytest.MonkeyPatch) -> None:
    from laketrain import tasks
    from laketrain.evaluate import baselines

    monkeypatch.setattr(baselines, "MOST_ROWS", 10)
    monkeypatch.setattr(tasks.baselines, "_AT_ONCE", 64 * 3)
    version = Lake(task.lake).table("features", "tiny").get(1)
    learnt = baselines_of(version)
    named = learnt.of("label", ["majority", "linear"])
    assert learnt.rows == 10
    images, truth = tiny.rows_of(version, "test")
    linear: Any = named["linear"]
    result = merged(parts_of(replace(task, baselines={"label": named}), 3))
    assert result["rows"] == 61
    assert result["baselines"] == {
        "majority": pytest.approx(np.mean(truth == named["majority"].predict(tiny.FEATURES, {"image": images[:1]}))),
        "linear": pytest.approx(linear.model.score(images.reshape(61, -1), truth))}


def test_the_fingerprint_has_all_settings_except_the_gate(task: ScoreTask) -> None:
    lake = Lake(task.lake)
    dataset, model = lake.table("features", "tiny").get(1), lake.table("models", "tiny").get(1)

    def key(**settings: Any) -> str:
        return fingerprint_evaluate(dataset, model, Evaluate.model_validate(settings))

    assert key() == key(gate={"accuracy": ">= 0.99"})
    assert len({key(), key(split="val"), key(worst=3), key(baselines=["majority"])}) == 4
