"""Each target of any kind that a column supports has columns that Spark's evaluators accept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from laketrain.errors import DataError
from laketrain.ml import KerasEstimator, KerasModel

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow
SORTS, TAGS = ("fruit", "tool"), ("cheap", "heavy", "new")
COLUMNS = "id int, a double, b double, c double, price double, size double, sort string, tags array<string>"
INPUTS: dict[str, Any] = {"x": {"kind": "vector", "columns": ["a", "b", "c"]}}
TRAIN = {"model": {"name": "linear"}, "checkpoint_epochs": 99}
TARGETS: dict[str, Any] = {
    "price": {"kind": "value", "columns": ["price"], "scale": "standard"},
    "both": {"kind": "value", "columns": ["price", "size"], "scale": "standard"},
    "sort": {"kind": "label", "column": "sort", "names": list(SORTS)},
    "tags": {"kind": "multilabel", "column": "tags", "names": list(TAGS)},
}


def drawn(rows: int, seed: int) -> list[tuple[Any, ...]]:
    """Goods whose price and size are sums of their numbers and some noise, and whose sort and tags depend on them."""
    random = np.random.default_rng(seed)
    result = []
    for number, (a, b, c) in enumerate(random.normal(size=(rows, 3)).tolist()):
        price, size = 40 + 5 * a - 3 * b + 0.2 * random.normal(), 2 + c
        tags = [tag for tag, has in zip(TAGS, (price < 40, size > 2, a > 0), strict=True) if has]
        result.append((number, a, b, c, float(price), float(size), SORTS[int(a + b > 0)], tags))
    return result


def goods(spark: SparkSession, rows: int, seed: int = 1) -> DataFrame:
    return spark.createDataFrame(drawn(rows, seed), COLUMNS).repartition(2)


def estimator_of(lake: Path, *targets: str, **settings: Any) -> KerasEstimator:
    params = {"features": {**INPUTS, **{name: TARGETS[name] for name in targets}}, "epochs": 15, "batch": 16,
             "train": TRAIN, "learningRate": 0.05, "validationFraction": 0.0, **settings}
    return KerasEstimator(lake=str(lake), **params)


def test_a_value_is_predicted_as_sparks_linear_regression_does(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.ml import Pipeline
    from pyspark.ml.evaluation import RegressionEvaluator
    from pyspark.ml.feature import VectorAssembler
    from pyspark.ml.regression import LinearRegression

    assembler = VectorAssembler(inputCols=["a", "b", "c"], outputCol="features")
    ours = estimator_of(tmp_path, features={"x": {"kind": "vector", "column": "features", "size": 3},
                                            "price": TARGETS["price"]})
    reference = LinearRegression(labelCol="price")
    frame, others = goods(spark, 240), goods(spark, 100, seed=2)
    errors, predictions = [], []
    for stage in (ours, reference):
        scored = Pipeline(stages=[assembler, stage]).fit(frame).transform(others)
        errors.append(RegressionEvaluator(labelCol="price", metricName="rmse").evaluate(scored))
        predictions.append([row["prediction"] for row in scored.orderBy("id").collect()])
    assert scored.schema["prediction"].dataType.simpleString() == "double"
    assert errors[0] < 1.15 * errors[1] < 0.5
    np.testing.assert_allclose(predictions[0], predictions[1], atol=0.3)


def test_a_value_is_tuned_by_a_train_validation_split(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.ml.evaluation import RegressionEvaluator
    from pyspark.ml.tuning import ParamGridBuilder, TrainValidationSplit

    estimator = estimator_of(tmp_path, "price", epochs=10)
    grid = ParamGridBuilder().addGrid(estimator.learningRate, [1e-6, 0.05]).build()
    tuned = TrainValidationSplit(estimator=estimator, estimatorParamMaps=grid, trainRatio=0.5, seed=3,
                                 evaluator=RegressionEvaluator(labelCol="price")).fit(goods(spark, 120))
    worse, better = tuned.validationMetrics
    assert better < worse / 2
    assert tuned.bestModel.version.entry.meta["config"]["optimizer"]["learning_rate"] == 0.05


@pytest.fixture(scope="module")
def several(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> KerasModel:
    """Of a label, a multilabel and two numbers at once."""
    lake = tmp_path_factory.mktemp("a lake of goods")
    train = {**TRAIN, "model": {"name": "mlp", "hidden": [16]}}
    return estimator_of(lake, "sort", "tags", "both", train=train).fit(goods(spark, 240))


def test_each_of_several_targets_has_its_own_columns(spark: SparkSession, several: KerasModel) -> None:
    frame = goods(spark, 60, seed=2)
    scored = several.transform(frame)
    added = {field.name: field.dataType.simpleString() for field in scored.schema.fields[len(frame.columns):]}
    assert added == {"sort_prediction": "double", "sort_probability": "vector", "tags_prediction": "array<double>",
                     "tags_probability": "vector", "both_prediction": "vector", "_reason": "string"}
    rows = scored.orderBy("id").collect()
    features = several.features
    inputs = np.array([[row["a"], row["b"], row["c"]] for row in rows])
    stored, _ = features.encode_batch(frame.orderBy("id").toArrow().combine_chunks().to_batches()[0])
    np.testing.assert_allclose(features.tensors(stored, ["x"])["x"], inputs, atol=4)  # scaled, so only near
    outputs = {name: np.asarray(value) for name, value in several.keras()(features.tensors(stored, ["x"])).items()}
    np.testing.assert_allclose([row["sort_probability"].toArray() for row in rows], outputs["sort"],
                               rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose([row["tags_probability"].toArray() for row in rows], outputs["tags"],
                               rtol=1e-5, atol=1e-7)
    assert [row["sort_prediction"] for row in rows] == outputs["sort"].argmax(axis=1).astype(float).tolist()
    assert [row["tags_prediction"] for row in rows] == [np.flatnonzero(one >= 0.5).astype(float).tolist()
                                                        for one in outputs["tags"]]
    np.testing.assert_allclose([row["both_prediction"].toArray() for row in rows],
                               features["both"].unscale(outputs["both"]), rtol=1e-5, atol=1e-5)
    assert several.labels == SORTS


def test_sparks_evaluators_accept_the_columns_of_each_target(spark: SparkSession, several: KerasModel) -> None:
    from pyspark.ml.evaluation import MulticlassClassificationEvaluator, MultilabelClassificationEvaluator
    from pyspark.ml.feature import StringIndexer
    from pyspark.sql import functions as F

    frame = goods(spark, 120, seed=2)
    frame = StringIndexer(inputCol="sort", outputCol="index", stringOrderType="alphabetAsc").fit(frame).transform(frame)
    names = F.array(*map(F.lit, TAGS))
    scored = several.transform(frame.withColumn("true_tags", F.transform(
        "tags", lambda tag: (F.array_position(names, tag) - 1).cast("double"))))
    accuracy = MulticlassClassificationEvaluator(labelCol="index", predictionCol="sort_prediction",
                                                 metricName="accuracy").evaluate(scored)
    f1 = MultilabelClassificationEvaluator(labelCol="true_tags", predictionCol="tags_prediction",
                                           metricName="microF1Measure").evaluate(scored)
    assert accuracy > 0.9 and f1 > 0.85


def test_a_row_that_cannot_be_scored_is_null_for_all_targets(spark: SparkSession, several: KerasModel) -> None:
    rows = [(*row[:1], None, *row[2:]) if row[0] == 3 else row for row in drawn(6, 4)]
    scored = several.transform(spark.createDataFrame(rows, COLUMNS)).orderBy("id").collect()
    for row in scored:
        columns = [name for name in row.asDict() if name.endswith(("_prediction", "_probability"))]
        assert [row[name] is None for name in columns] == [row["id"] == 3] * 5
        assert (row["_reason"] is not None) == (row["id"] == 3)


def test_labels_of_a_model_with_several_labels_are_refused_with_a_hint(spark: SparkSession, tmp_path: Path) -> None:
    features = {**INPUTS, "sort": TARGETS["sort"], "other": {**TARGETS["sort"]}}
    model = estimator_of(tmp_path, features=features, epochs=1).fit(goods(spark, 40))
    assert {"sort_prediction", "other_prediction"} <= set(model.transform(goods(spark, 4)).columns)
    with pytest.raises(DataError, match=r"sort \(label\), other \(label\), expected one label"):
        model.labels  # noqa: B018
