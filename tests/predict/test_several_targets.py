"""Texts in buckets and several targets have the same predictions as the dataset's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests import shop
from tests.tables import commit_table, rows_of

from laketrain.config.evaluate import Predict
from laketrain.errors import DataError
from laketrain.evaluate.rows import batches
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Version
from laketrain.models.saving import load_model
from laketrain.predict import predict

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Version:
    return shop.commit_shop_model(shop.commit_shop(spark, Lake(tmp_path_factory.mktemp("lake"))))


def test_each_row_has_the_predictions_of_all_targets(spark: SparkSession, model: Version) -> None:
    lake = model.lake
    config = Predict.model_validate({"table": "goods", "batch": 9, "probabilities": True})
    version = predict(spark, lake.table("integrated", "goods").get(1), model, "goods", config, "key")
    result = {row["id"]: row for row in rows_of(version)}
    assert len(result) == 120
    assert list(next(iter(result.values()))) == [
        "id", "sort_class", "sort_probability", "sort_probabilities", "tags_classes", "tags_probability",
        "tags_probabilities", "price_prediction", "model", "data"]

    dataset, loaded = Dataset(lake.table("features", "shop").get(1)), load_model(model)
    inputs, seen = list(dataset.features.inputs), 0
    for split, count in dataset.splits.items():
        for _, arrays in batches(dataset, split, [*inputs, "id"], 0, count, 1000):
            predicted = loaded({name: arrays[name] for name in inputs})
            outputs = {name: np.asarray(output) for name, output in predicted.items()}
            prices = dataset.features["price"].unscale(outputs["price"])
            for index, name in enumerate(arrays["id"]):
                row = result[name]
                assert row["sort_class"] == shop.SORTS[outputs["sort"][index].argmax()]
                assert list(row["sort_probabilities"]) == pytest.approx(outputs["sort"][index].tolist(), rel=1e-4)
                has = outputs["tags"][index] >= 0.5
                assert list(row["tags_classes"]) == [tag for tag, output in zip(shop.TAGS, has, strict=True) if output]
                assert list(row["tags_probability"]) == pytest.approx(outputs["tags"][index][has].tolist(), rel=1e-4)
                assert list(row["price_prediction"]) == pytest.approx(prices[index].tolist(), rel=1e-4)
                seen += 1
    assert seen == 120
    predicted = version.entry.meta["predicted"]
    assert sum(predicted["sort"]["classes"].values()) == 120
    values = [value for row in result.values() for value in row["price_prediction"]]
    assert predicted["price"]["values"] == {
        "least": pytest.approx(min(values)), "mean": pytest.approx(np.mean(values)), "most": pytest.approx(max(values))}


def test_rows_that_cannot_be_scored_leave_others_unchanged(spark: SparkSession, model: Version) -> None:
    goods = shop.rows(9, seed=3)
    goods[2]["title"], goods[5]["size"] = None, None
    table = commit_table(model.lake, "new", goods, shop.COLUMNS)
    version = predict(spark, table, model, "new", Predict(table="new"), "key")
    assert (version.entry.counts["out"], version.entry.counts["quarantined"]) == (7, 2)
    assert sorted(row["id"] for row in rows_of(version)) == [f"good {n}" for n in range(9) if n not in (2, 5)]


def test_a_kept_column_with_the_name_of_a_prediction_is_refused(spark: SparkSession, model: Version) -> None:
    table = commit_table(model.lake, "clash", [{**shop.rows(1)[0], "model": "x"}], shop.COLUMNS + ", model string")
    with pytest.raises(DataError, match="'keep': column 'model' would hide, or be hidden by, what predictions call"):
        predict(spark, table, model, "clash", Predict(table="clash", keep=["model"]), "key")
