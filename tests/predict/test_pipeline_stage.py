"""The config may name the version of the model that predicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests import tiny
from tests.road import Quiet
from tests.tables import commit_table, rows_of

from laketrain.errors import ConfigError, LakeError
from laketrain.lake import Lake
from laketrain.pipeline import Pipeline

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "tiny.yaml").write_text(tiny.CONFIG)
    return tmp_path / "tiny.yaml"


@pytest.mark.slow
def test_the_requested_version_of_a_model_predicts_and_the_latest_by_default(spark: SparkSession, config: Path) -> None:
    lake = Lake(config.parent / "lake")
    dataset = tiny.commit_tiny(lake)
    models = [tiny.commit_model(dataset).ref for _ in range(2)]
    images, labels = tiny.draw(9, seed=9)
    rows = [{"name": f"row {i}", "pixels": image.reshape(-1).tolist(), "label": int(label)}
            for i, (image, label) in enumerate(zip(images, labels, strict=True))]
    commit_table(lake, "new", rows, "name string, pixels array<int>, label int")

    def predicted(*sets: str) -> tuple[str, set[str]]:
        version = Pipeline(config, sets, listener=Quiet(), spark=spark).predict()
        return version.ref, {row["model"] for row in rows_of(version)}

    assert models == ["models/tiny@1", "models/tiny@2"]
    assert predicted() == ("predictions/new@1", {"models/tiny@2"})
    assert predicted("predict.model=models/tiny@1") == ("predictions/new@2", {"models/tiny@1"})
    assert predicted("predict.model=models/tiny") == ("predictions/new@1", {"models/tiny@2"})
    with pytest.raises(LakeError, match="version 7 of models/tiny: there is none; the latest is 2"):
        predicted("predict.model=models/tiny@7")


@pytest.mark.parametrize("name", ["tiny@3", "models/tiny@0", "features/tiny", "models/../x", "models/tiny@latest"])
def test_a_name_that_is_not_a_model_is_refused(config: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"predict\.model"):
        Pipeline(config, [f"predict.model={name}"])
