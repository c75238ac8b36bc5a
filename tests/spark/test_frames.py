"""Settings of a session that several threads share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from laketrain.spark.frames import configured

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ANSI, ROWS = "spark.sql.ansi.enabled", "spark.sql.execution.arrow.maxRecordsPerBatch"


@pytest.mark.parametrize("first_out", [0, 1], ids=["the first in is the first out", "the last in is the first out"])
def test_settings_are_restored_when_the_last_user_leaves(spark: SparkSession, first_out: int) -> None:
    before = {key: spark.conf.get(key, None) for key in (ANSI, ROWS)}
    inside = [ExitStack(), ExitStack()]
    for number, stack in enumerate(inside):
        stack.enter_context(configured(spark, {ANSI: "false", ROWS: str(7 + number)}))
    assert spark.conf.get(ROWS) == "8"
    inside[first_out].close()
    assert spark.conf.get(ANSI) == "false"
    assert spark.conf.get(ROWS) == str(8 - first_out)
    inside[1 - first_out].close()
    assert {key: spark.conf.get(key, None) for key in (ANSI, ROWS)} == before


def test_a_setting_that_spark_refuses_restores_the_others(spark: SparkSession) -> None:
    before = spark.conf.get(ROWS)
    with pytest.raises(Exception, match="maxRecordsPerBatch|spark.driver.memory"), configured(
            spark, {ROWS: "7", "spark.driver.memory": "1g"}):
        pass
    assert spark.conf.get(ROWS) == before
