"""Saved estimators, models and pipelines can be loaded; a model whose version is missing is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import tiny
from tests.ml.frames import estimator_for, frame_of, rows_of

from laketrain.errors import LakeError
from laketrain.lake import Lake
from laketrain.ml import KerasEstimator, KerasModel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> KerasModel:
    """Of a version that no estimator made."""
    version = tiny.commit_model(tiny.commit_tiny(Lake(tmp_path_factory.mktemp("a lake"))))
    return KerasModel(lake=version.lake.url, model=version.ref, predictionCol="predicted")


def test_a_loaded_estimator_has_all_its_params(spark: SparkSession, tmp_path: Path) -> None:
    estimator = estimator_for(tmp_path / "lake", ranks=2, split={"by": "name", "fractions": {"train": 1.0}})
    estimator.save(str(tmp_path / "saved"))
    loaded = KerasEstimator.load(str(tmp_path / "saved"))
    assert loaded.uid == estimator.uid
    assert {param.name: value for param, value in loaded.extractParamMap().items()} == {
        param.name: value for param, value in estimator.extractParamMap().items()}


def test_a_loaded_model_scores_the_same(spark: SparkSession, model: KerasModel, tmp_path: Path) -> None:
    model.save(str(tmp_path / "saved"))
    loaded = KerasModel.load(str(tmp_path / "saved"))
    assert (loaded.uid, loaded.ref, loaded.getOrDefault("lake")) == (model.uid, "models/tiny@1", model.version.lake.url)
    frame = frame_of(spark, rows_of(20))
    assert loaded.transform(frame).collect() == model.transform(frame).collect()


def test_a_pipeline_can_be_loaded(spark: SparkSession, model: KerasModel, tmp_path: Path) -> None:
    from pyspark.ml import Pipeline, PipelineModel
    from pyspark.ml.feature import StringIndexer

    frame = frame_of(spark, rows_of(20))
    indexer = StringIndexer(inputCol="animal", outputCol="index")
    PipelineModel([indexer.fit(frame), model]).save(str(tmp_path / "fitted"))
    Pipeline(stages=[indexer, estimator_for(tmp_path)]).save(str(tmp_path / "unfitted"))

    loaded = PipelineModel.load(str(tmp_path / "fitted"))
    assert [row["predicted"] for row in loaded.transform(frame).collect()] == [
        row["predicted"] for row in model.transform(frame).collect()]
    stages = Pipeline.load(str(tmp_path / "unfitted")).getStages()
    assert isinstance(stages[1], KerasEstimator) and stages[1].getOrDefault("epochs") == 3


def test_a_model_whose_version_is_missing_is_refused_on_loading(
        spark: SparkSession, model: KerasModel, tmp_path: Path) -> None:
    copy = tmp_path / "lake"
    shutil.copytree(Path(model.version.lake.url), copy)
    KerasModel(lake=str(copy), model=model.ref).save(str(tmp_path / "saved"))
    next(copy.rglob("model.keras")).unlink()
    problem = r"needs models/tiny@1 of the lake .*model.keras is missing.*restore that version"
    with pytest.raises(LakeError, match=problem):
        KerasModel.load(str(tmp_path / "saved"))
    shutil.rmtree(copy)
    with pytest.raises(LakeError, match=r"needs models/tiny@1 of the lake .*nothing was committed"):
        KerasModel.load(str(tmp_path / "saved"))


def test_a_model_without_its_reference_is_refused_with_an_example(spark: SparkSession) -> None:
    with pytest.raises(LakeError, match="'model' is not set"):
        KerasModel(lake="somewhere").transform(frame_of(spark, rows_of(1)))
