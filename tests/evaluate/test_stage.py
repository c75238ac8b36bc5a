"""A dataset with a label, a multilabel, values and texts in buckets is evaluated target by target, with the metrics of
scikit-learn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import metrics
from tests import shop

from laketrain.config.evaluate import Evaluate
from laketrain.distributed.world import World
from laketrain.errors import DataError, GateError
from laketrain.evaluate import check_gate, evaluate, fingerprint_evaluate
from laketrain.evaluate.merge import merge_parts
from laketrain.evaluate.rows import batches, read_rows
from laketrain.evaluate.score import ScoreTask, score
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.lake.manifests import EvaluationManifest
from laketrain.models.saving import load_model
from laketrain.tasks import default_outputs, task_of_section
from laketrain.tasks.sampling import spread

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow
WORST = 5


@pytest.fixture(scope="module")
def dataset(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Version:
    return shop.commit_shop(spark, Lake(tmp_path_factory.mktemp("lake")))


@pytest.fixture(scope="module")
def model(dataset: Version) -> Version:
    return shop.commit_shop_model(dataset)


def truth_and_predictions(dataset: Version, model: Version) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """True values and predictions of the test split, row by row, by plain Keras."""
    opened, loaded = Dataset(dataset), load_model(model)
    truth: dict[str, list[np.ndarray]] = {name: [] for name in shop.TARGETS}
    predictions: dict[str, list[np.ndarray]] = {name: [] for name in shop.TARGETS}
    for _, arrays in batches(opened, "test", [*opened.features.inputs, *shop.TARGETS], 0, opened.rows("test"), 1):
        result = loaded({name: arrays[name] for name in opened.features.inputs})
        for name in shop.TARGETS:
            truth[name].append(arrays[name])
            predictions[name].append(np.asarray(result[name]))
    return ({name: np.concatenate(parts) for name, parts in truth.items()},
            {name: np.concatenate(parts) for name, parts in predictions.items()})


def measured(dataset: Version, model: Version, ranks: int, baselines: Any = None) -> dict[str, dict[str, Any]]:
    task = ScoreTask(dataset.lake.url, dataset.ref, model.ref, "test", 7, WORST, baselines or {})
    parts = [score(task, World(rank, ranks), lambda event: None) for rank in range(ranks)]
    return merge_parts(default_outputs(Dataset(dataset).features), parts, WORST, weighted=False)


def test_the_metrics_of_each_target_are_scikit_learns(dataset: Version, model: Version) -> None:
    truth, predictions = truth_and_predictions(dataset, model)
    assert len(Dataset(dataset).buckets("test")) == 2
    result = measured(dataset, model, 1)
    assert result["sort"]["metrics"]["accuracy"] == pytest.approx(
        metrics.accuracy_score(truth["sort"], predictions["sort"].argmax(axis=1)))

    has = predictions["tags"] >= 0.5
    tags = result["tags"]["metrics"]
    precision, recall, f1, rows = metrics.precision_recall_fscore_support(truth["tags"], has, zero_division=0.0)
    assert [entry["precision"] for entry in tags["classes"]] == pytest.approx(precision.tolist())
    assert [entry["recall"] for entry in tags["classes"]] == pytest.approx(recall.tolist())
    assert [entry["f1"] for entry in tags["classes"]] == pytest.approx(f1.tolist())
    assert [entry["rows"] for entry in tags["classes"]] == rows.tolist()
    assert tags["macro_f1"] == pytest.approx(metrics.f1_score(truth["tags"], has, average="macro", zero_division=0.0))
    assert tags["micro_f1"] == pytest.approx(metrics.f1_score(truth["tags"], has, average="micro", zero_division=0.0))
    assert tags["subset_accuracy"] == pytest.approx(metrics.accuracy_score(truth["tags"], has))
    assert tags["loss"] == pytest.approx(np.mean([metrics.log_loss(truth["tags"][:, i], predictions["tags"][:, i],
                                                                   labels=[0, 1]) for i in range(3)]), rel=1e-5)

    feature: Any = Dataset(dataset).features["price"]
    true, predicted = feature.unscale(truth["price"]), feature.unscale(predictions["price"])
    price = result["price"]["metrics"]
    assert [entry["label"] for entry in price["components"]] == ["cost", "weight"]
    for name, of in (("mae", metrics.mean_absolute_error), ("rmse", metrics.root_mean_squared_error),
                     ("r2", metrics.r2_score), ("mape", metrics.mean_absolute_percentage_error)):
        each = of(true, predicted, multioutput="raw_values")
        assert [entry[name] for entry in price["components"]] == pytest.approx(each.tolist(), rel=1e-5)
        assert price[name] == pytest.approx(each.mean(), rel=1e-5)
    errors = np.sqrt(np.mean((predictions["price"] - truth["price"]) ** 2, axis=1))
    assert [entry["row"] for entry in result["price"]["worst"]] == np.argsort(-errors, kind="stable")[:WORST].tolist()
    np.testing.assert_allclose(result["price"]["sample"]["true"], true, rtol=1e-5)


def test_convert_counted_the_classes_that_are_measured(dataset: Version, model: Version) -> None:
    truth, _ = truth_and_predictions(dataset, model)
    counted = dataset.entry.meta["classes"]
    assert list(counted) == ["train", "test"]
    assert counted["test"] == {"sort": np.bincount(truth["sort"], minlength=2).tolist(),
                               "tags": truth["tags"].sum(axis=0).tolist()}


def test_any_number_of_ranks_has_the_same_result(dataset: Version, model: Version) -> None:
    alone = measured(dataset, model, 1)
    for ranks in (2, 3):
        result = measured(dataset, model, ranks)
        for name in shop.TARGETS:
            for metric, value in alone[name]["metrics"].items():
                if not isinstance(value, list):
                    assert result[name]["metrics"][metric] == pytest.approx(value, rel=1e-6), (name, metric)
            worst = "mistakes" if name == "sort" else "worst"
            assert [entry["row"] for entry in result[name][worst]] == [entry["row"] for entry in alone[name][worst]]
        assert result["price"]["sample"] == alone["price"]["sample"]


def test_rows_in_buckets_are_read_once_and_in_order(dataset: Version) -> None:
    opened = Dataset(dataset)
    rows = opened.rows("train")
    whole = {int(number): size for numbers, arrays in batches(opened, "train", ["size", "title"], 0, rows, 5)
             for number, size in zip(numbers, arrays["size"], strict=True)}
    assert sorted(whole) == list(range(rows))
    numbers = spread(rows, 11)
    assert len(numbers) == 11 and numbers[0] == 0 and numbers[-1] == rows - 1
    picked = {int(number): size for result, arrays in read_rows(opened, "train", ["size"], numbers)
              for number, size in zip(result, arrays["size"], strict=True)}
    assert picked == {int(number): whole[int(number)] for number in numbers}


def test_a_dataset_that_the_model_was_not_trained_on_is_refused(spark: SparkSession, dataset: Version) -> None:
    with dataset.lake.table("models", "elsewhere").stage() as draft:
        other = draft.commit(parents={dataset.table: 7})
    with pytest.raises(DataError, match=rf"{dataset.ref}: is not what models/elsewhere@1 was trained on: received a "
                                        rf"model made from {dataset.table}@7, expected one made from {dataset.ref}"):
        evaluate(spark, dataset, other, "shop", Evaluate(), 1, "")
    assert dataset.lake.table("runs", "shop-evaluation").versions() == []


def test_the_stage_commits_a_section_for_each_target_with_its_baselines(spark: SparkSession, dataset: Version,
                                                                 model: Version) -> None:
    config = Evaluate.model_validate({"gate": {"sort.accuracy": ">= 0", "price.mae": "< 0.001"}})
    version = evaluate(spark, dataset, model, "shop", config, 2, fingerprint_evaluate(dataset, model, config))
    meta = version.entry.meta
    result, alone = EvaluationManifest.of(version).sections, measured(dataset, model, 1)
    assert list(result) == list(shop.TARGETS)
    assert {name: list(section["baselines"]) for name, section in result.items()} == {
        "sort": ["majority", "linear"], "tags": ["majority", "linear"], "price": ["mean", "linear"]}
    for name in shop.TARGETS:
        metric = {"sort": "accuracy", "tags": "micro_f1", "price": "mae"}[name]
        assert meta["metrics"][f"{name}.{metric}"] == pytest.approx(alone[name]["metrics"][metric], rel=1e-5)
    assert task_of_section(result["sort"]).headline.metric == "accuracy"
    assert result["sort"]["metrics"]["accuracy"] == meta["metrics"]["sort.accuracy"]
    assert version.entry.counts["rows"] == Dataset(dataset).rows("test")
    # Model and baselines are measured on the same rows.
    assert {section["rows"] for section in result.values()} == {Dataset(dataset).rows("test")}
    assert result["price"]["baseline_rows"] == {"train": Dataset(dataset).rows("train"),
                                               "test": Dataset(dataset).rows("test")}
    with pytest.raises(GateError, match=r": price.mae is [0-9.]+, expected < 0.001\."):
        check_gate(config.gate, meta["metrics"], model.ref)


def test_baselines_are_those_of_numpy(dataset: Version, model: Version) -> None:
    from laketrain.evaluate.baselines import Baselines

    opened = Dataset(dataset)
    read = partial(batches, opened, columns=["price", "tags"], first=0, batch=1000)
    arrays = {split: [batch for _, batch in read(split=split, end=opened.rows(split))] for split in ("train", "test")}
    train, truth = ({name: np.concatenate([batch[name] for batch in parts]) for name in ("price", "tags")}
                    for parts in arrays.values())
    learnt = Baselines(opened, "train", default_outputs(opened.features))
    named = {"price": ["mean", "last", "linear"], "tags": ["majority"]}
    result = measured(dataset, model, 2, {target: learnt.of(target, names) for target, names in named.items()})
    feature: Any = opened.features["price"]
    true = feature.unscale(truth["price"])
    mean = np.abs(true - feature.unscale(train["price"]).mean(axis=0)).mean()
    price = result["price"]["baselines"]
    assert price["mean"] == pytest.approx(mean)
    assert "last" not in price
    # The cost is linear in the size, so the linear model predicts it.
    assert price["linear"] < 0.3 * mean
    always = np.broadcast_to(train["tags"].mean(axis=0) >= 0.5, truth["tags"].shape)
    assert result["tags"]["baselines"]["majority"] == pytest.approx(
        metrics.f1_score(truth["tags"], always, average="micro", zero_division=0.0))
    assert learnt.rows == opened.rows("train")


def test_the_linear_baseline_is_fitted_to_a_limited_number_of_rows(dataset: Version,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    from laketrain.evaluate import baselines
    from laketrain.tasks.design_matrix import width_of

    opened = Dataset(dataset)
    monkeypatch.setattr(baselines, "MOST_NUMBERS", 20 * width_of(opened.features))
    result = baselines.Baselines(opened, "train", default_outputs(opened.features))
    assert result.rows == 20
    assert set(result.of("price", ["linear", "mean"])) == {"linear", "mean"}
