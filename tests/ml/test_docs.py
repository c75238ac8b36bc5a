"""The code of the page on Spark ML runs, and the page names all Params."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ml.frames import frame_of, rows_of

from laketrain.ml import KerasEstimator, KerasModel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "spark-ml.md"


@pytest.mark.slow
def test_the_code_of_the_page_runs(spark: SparkSession, tmp_path: Path) -> None:
    snippets = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(snippets) == 2
    names: dict[str, Any] = {"lake": str(tmp_path), "df": frame_of(spark, rows_of(100)).drop("label")}
    for snippet in snippets:
        exec(snippet, names)
    assert names["accuracy"] > 0.9
    best = names["tuned"].bestModel
    assert isinstance(best, KerasModel) and best.ref.startswith("models/animals@")


@pytest.mark.slow
def test_the_page_names_every_param(spark: SparkSession) -> None:
    text = PAGE.read_text("utf-8")
    assert [param.name for param in KerasEstimator().params if f"`{param.name}`" not in text] == []
