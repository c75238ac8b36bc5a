"""In a Spark Pipeline the estimator is as accurate as scikit-learn, and its model keeps every row and column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from tests import tiny
from tests.ml.frames import ANIMALS, estimator_for, frame_of, rows_of
from tests.tables import rows_of as rows_in

from laketrain.errors import ConfigError, DataError
from laketrain.features import FeatureSet
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake
from laketrain.ml import KerasEstimator, KerasModel
from laketrain.ml.data import as_array, commit_frame

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a lake for Spark ML")


@pytest.fixture(scope="module")
def fitted(spark: SparkSession, lake: Path) -> PipelineModel:
    """An indexer of strings and the estimator, fitted to 200 rows."""
    from pyspark.ml import Pipeline
    from pyspark.ml.feature import StringIndexer

    indexer = StringIndexer(inputCol="animal", outputCol="index", stringOrderType="alphabetAsc")
    features = {"image": {"kind": "image", "column": "pixels", "shape": [8, 8, 1]},
                "label": {"kind": "label", "column": "index", "classes": 4}}
    estimator = estimator_for(lake, name="animals", features=features, validationFraction=0.2)
    return Pipeline(stages=[indexer, estimator]).fit(frame_of(spark, rows_of(200)))


@pytest.fixture(scope="module")
def model(fitted: PipelineModel) -> KerasModel:
    result = fitted.stages[1]
    assert isinstance(result, KerasModel)
    return result


def test_its_accuracy_is_that_of_scikit_learns_softmax_regression(spark: SparkSession, fitted: PipelineModel) -> None:
    from pyspark.ml.evaluation import MulticlassClassificationEvaluator

    scored = fitted.transform(frame_of(spark, rows_of(120, seed=2)))
    accuracy = MulticlassClassificationEvaluator(labelCol="index", metricName="accuracy").evaluate(scored)
    loss = MulticlassClassificationEvaluator(labelCol="index", metricName="logLoss").evaluate(scored)

    (images, labels), (others, truth) = tiny.draw(200, 1), tiny.draw(120, 2)
    reference = LogisticRegression(max_iter=500).fit(images.reshape(200, -1) / 255, labels)
    assert accuracy >= reference.score(others.reshape(120, -1) / 255, truth) - 0.03
    assert 0 < loss < 0.5


def test_each_row_has_the_prediction_of_keras(spark: SparkSession, fitted: PipelineModel, model: KerasModel) -> None:
    result = {row["name"]: row for row in fitted.transform(frame_of(spark, rows_of(50, seed=3))).collect()}
    images, _ = tiny.draw(50, 3)
    probabilities = np.asarray(model.keras()({"image": images}))
    rows = [result[f"row {number}"] for number in range(50)]
    np.testing.assert_allclose([row["probability"].toArray() for row in rows], probabilities, rtol=1e-5, atol=1e-7)
    assert [row["prediction"] for row in rows] == probabilities.argmax(axis=1).astype(float).tolist()


def test_all_columns_of_the_frame_are_unchanged(spark: SparkSession, model: KerasModel) -> None:
    """Also those that only Spark ML knows, their metadata, and names that SQL would cut."""
    from pyspark.ml.feature import StringIndexer
    from pyspark.ml.linalg import SparseVector
    from pyspark.sql import functions as F

    frame = frame_of(spark, rows_of(5))
    frame = StringIndexer(inputCol="animal", outputCol="a.b `c`").fit(frame).transform(frame)
    frame = spark.createDataFrame([("row 1", SparseVector(3, [1], [2.0]))], ["name", "vector"]).join(frame, "name")
    frame = frame.withColumn("null", F.lit(None).cast("string"))
    scored = model.transform(frame)
    assert scored.columns == [*frame.columns, "prediction", "probability", "_reason"]
    assert scored.schema.fields[:len(frame.columns)] == frame.schema.fields
    assert scored.schema["a.b `c`"].metadata == frame.schema["a.b `c`"].metadata != {}
    assert scored.select(frame.columns and [F.col("`" + name.replace("`", "``") + "`") for name in frame.columns]
                         ).collect() == frame.collect()


def test_a_row_that_cannot_be_scored_has_a_reason(spark: SparkSession, model: KerasModel) -> None:
    rows = rows_of(9)
    rows[2]["pixels"], rows[7]["pixels"] = rows[2]["pixels"][:63], None
    result = {row["name"]: row for row in model.transform(frame_of(spark, rows)).collect()}
    assert len(result) == 9
    for name, row in result.items():
        bad = name in ("row 2", "row 7")
        assert (row["prediction"] is None, row["probability"] is None, row["_reason"] is not None) == (bad, bad, bad)
        assert bad or len(row["probability"]) == 4
    assert "63 values, expected 64" in result["row 2"]["_reason"]


def test_transform_is_lazy(spark: SparkSession, model: KerasModel) -> None:
    from pyspark.sql import functions as F

    frame = frame_of(spark, rows_of(3)).withColumn("boom", F.raise_error(F.lit("asked")).cast("string"))
    scored = model.transform(frame)
    with pytest.raises(Exception, match="asked"):
        scored.collect()


def test_a_fit_is_in_the_lake_with_its_lineage(model: KerasModel, lake: Path) -> None:
    version = model.version
    assert (model.ref, version.entry.parents) == ("models/animals@1", {"features/animals": 1})
    dataset = Lake(lake).version("features/animals@1")
    assert dataset.entry.parents == {"integrated/animals": 1}
    table = rows_in(Lake(lake).version("integrated/animals@1"))
    assert list(table[0]) == ["pixels", "index", "laketrain_row"] and len(table) == 200
    assert len({row["laketrain_row"] for row in table}) == 200
    splits = Dataset(dataset).splits
    assert sum(splits.values()) == 200 and 20 <= splits["val"] <= 60
    assert [set(row) >= {"loss", "val_loss"} for row in model.history] == [True] * 3
    assert model.labels == ("0", "1", "2", "3") and list(model.features) == ["image", "label"]


def test_two_fits_of_the_same_rows_end_with_the_same_weights(spark: SparkSession, tmp_path: Path) -> None:
    frame = frame_of(spark, rows_of(60))
    first, second = (estimator_for(tmp_path, epochs=1).fit(frame) for _ in range(2))
    assert (first.ref, second.ref) == ("models/ml@1", "models/ml@2")
    assert first.version.entry.meta["weights"] == second.version.entry.meta["weights"]


def test_params_override_the_train_section(spark: SparkSession, tmp_path: Path) -> None:
    train = {"model": {"name": "linear"}, "epochs": 7, "optimizer": {"name": "sgd", "learning_rate": 0.5}}
    estimator = estimator_for(tmp_path, train=train, epochs=1)
    fitted = estimator.fit(frame_of(spark, rows_of(40)), {estimator.learningRate: 0.25, estimator.seed: 5})
    config = fitted.version.entry.meta["config"]
    assert (config["epochs"], config["seed"]) == (1, 5)
    assert (config["optimizer"]["name"], config["optimizer"]["learning_rate"]) == ("sgd", 0.25)


def test_vectors_of_spark_ml_are_arrays_in_the_lake(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.ml.linalg import DenseVector, SparseVector

    frame = spark.createDataFrame([(DenseVector([1.0, 2.0]),), (SparseVector(2, [1], [3.0]),)], ["vector"])
    table = commit_frame(Lake(tmp_path), "vectors", frame.select(as_array(frame, "vector").alias("vector")))
    assert sorted(row["vector"] for row in rows_in(table)) == [[0.0, 3.0], [1.0, 2.0]]


def test_a_row_without_its_vector_has_a_reason_and_fails_a_fit_with_a_message(spark: SparkSession,
                                                                          tmp_path: Path) -> None:
    from pyspark.ml.linalg import DenseVector

    frame = vectors_of(spark, [(number, None if number == 3 else DenseVector([number % 2, 1.0]), float(number % 2))
                               for number in range(40)])
    estimator = estimator_for(tmp_path, epochs=1, features={"x": {"kind": "vector", "column": "vector", "size": 2},
                                                            "label": {"kind": "label", "classes": 2}})
    with pytest.raises(DataError, match="1 of 40 rows were rejected"):
        estimator.fit(frame)
    fitted = estimator.copy({estimator.convert: {"max_reject_fraction": 0.1}}).fit(frame)
    result = {row["number"]: row for row in fitted.transform(frame).collect()}
    assert len(result) == 40
    assert (result[3]["prediction"], result[3]["probability"], result[3]["vector"]) == (None, None, None)
    assert "is null" in result[3]["_reason"]
    assert [number for number, row in result.items() if row["_reason"]] == [3]


def vectors_of(spark: SparkSession, rows: list[tuple[int, object, float]]) -> DataFrame:
    from pyspark.ml.linalg import VectorUDT
    from pyspark.sql import types as T

    return spark.createDataFrame(rows, T.StructType([
        T.StructField("number", T.LongType()), T.StructField("vector", VectorUDT()),
        T.StructField("label", T.DoubleType())]))


def test_rows_that_fit_no_feature_fail_the_fit_unless_rejects_are_allowed(spark: SparkSession, tmp_path: Path) -> None:
    rows = rows_of(40)
    rows[3]["pixels"] = [1]
    frame = frame_of(spark, rows)
    with pytest.raises(DataError, match="1 of 40 rows were rejected"):
        estimator_for(tmp_path).fit(frame)
    fitted = estimator_for(tmp_path, epochs=1, convert={"max_reject_fraction": 0.1}).fit(frame)
    assert fitted.version.lake.version("quarantine/ml-features").rows == 1


def test_a_frame_without_a_column_of_the_model_is_refused(spark: SparkSession, model: KerasModel) -> None:
    frame = frame_of(spark, rows_of(3))
    with pytest.raises(DataError, match=r"'pixels', which the DataFrame lacks. Next: Did you mean 'pixel'"):
        model.transform(frame.withColumnRenamed("pixels", "pixel"))
    with pytest.raises(DataError, match="'prediction', which already exists"):
        model.transform(frame.withColumnRenamed("label", "prediction"))
    with pytest.raises(DataError, match="'prediction', which already exists"):
        model.transform(frame.withColumnRenamed("label", "Prediction"))  # Spark minds no capitals


def test_all_problems_are_reported_before_anything_runs(spark: SparkSession, tmp_path: Path) -> None:
    estimator = estimator_for(
        tmp_path, train={"model": {"name": "linearr"}, "epoch": 3}, batch=15, ranks=2,
        features={"image": {"kind": "image", "column": "pixel", "shape": [8, 8, 1]},
                  "label": {"kind": "label", "classes": 4}})
    with pytest.raises(ConfigError) as caught:
        estimator.fit(frame_of(spark, rows_of(3)))
    messages = {problem.where: str(problem) for problem in caught.value.problems}
    assert set(messages) >= {"train.epoch", "features.image.column"}
    assert "Did you mean 'epochs'" in messages["train.epoch"]
    assert "Did you mean 'pixels'" in messages["features.image.column"]
    assert any("Did you mean 'linear'" in text for text in messages.values())
    assert all(problem.line is None for problem in caught.value.problems)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_returns_logits_is_refused_in_an_estimator_too(spark: SparkSession, tmp_path: Path,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "frame_nets.py").write_text(
        "import keras\n\ndef net(features):\n    return keras.Sequential([keras.layers.Rescaling(1 / 255), "
        "keras.layers.Flatten(), keras.layers.Dense(4)])\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    problem = r"'frame_nets:net': outputs numbers from .* expected a distribution.*from_logits"
    with pytest.raises(DataError, match=problem):
        estimator_for(tmp_path / "lake", train={"model": {"use": "frame_nets:net"}}).fit(frame_of(spark, rows_of(40)))


def test_missing_params_are_named(spark: SparkSession) -> None:
    with pytest.raises(ConfigError, match=r"(?s)2 problems.*features: is not set.*train: is not set"):
        KerasEstimator(lake="somewhere").fit(frame_of(spark, rows_of(3)))


def test_no_target_and_unsupported_targets_are_refused(spark: SparkSession, tmp_path: Path) -> None:
    image = {"image": {"kind": "image", "column": "pixels", "shape": [8, 8, 1]}}
    ahead = {"kind": "sequence", "role": "target", "column": "pixels", "shape": [4, 16]}
    for features, kinds in (({**image, "ahead": ahead}, r"ahead \(sequence\)"), (image, "target")):
        with pytest.raises(ConfigError, match=kinds):
            estimator_for(tmp_path, features=features).fit(frame_of(spark, rows_of(3)))


@pytest.mark.parametrize(("settings", "message"), [
    ({"features": ["image"]}, "expected a dict"), ({"train": {"model": object()}}, "that isn't JSON"),
    ({"train": {1: 2}}, "expected text"), ({"epochs": "3"}, "epochs"),
    ({"scoreBatch": 0}, '"scoreBatch". received 0, expected a number of rows, 1 or more'),
    ({"scoreBatch": -512}, "received -512"), ({"scoreBatch": "many"}, "scoreBatch")])
def test_a_param_of_another_type_is_refused_like_in_spark_ml(settings: dict[str, object], message: str,
                                                             spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=message):
        estimator_for(tmp_path, **settings)


def test_a_batch_of_no_rows_is_refused_however_it_is_set(spark: SparkSession, model: KerasModel) -> None:
    for batch in (0, -1):
        with pytest.raises(TypeError, match="expected a number of rows, 1 or more"):
            KerasModel(scoreBatch=batch)
        with pytest.raises(TypeError, match="expected a number of rows, 1 or more"):
            model.transform(frame_of(spark, rows_of(3)), {model.scoreBatch: batch})
    assert model.transform(frame_of(spark, rows_of(3)), {model.scoreBatch: 1}).count() == 3


def test_params_are_explained_and_copies_are_independent(spark: SparkSession, tmp_path: Path) -> None:
    estimator = estimator_for(tmp_path)
    text = estimator.explainParams()
    assert "learningRate: of the first step" in text and "current: 0.01" in text and text.count("\n") >= 15
    other = estimator.copy({estimator.epochs: 9})
    assert (other.getOrDefault("epochs"), estimator.getOrDefault("epochs")) == (9, 3)
    assert FeatureSet.model_validate(other.getOrDefault("features")) == FeatureSet.model_validate(
        json.loads(json.dumps(estimator.getOrDefault("features"))))


def test_the_animals_are_in_the_order_of_their_classes() -> None:
    """On which the pipeline's indexer relies."""
    assert list(ANIMALS) == sorted(ANIMALS)
