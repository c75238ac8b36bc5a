from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from pyspark.errors import PySparkException

from laketrain.errors import DataError
from laketrain.spark.errors import first_sentence, translate_spark_errors

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PYTHON_WORKER = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "writer.py", line 97, in write_partition
    raise DataError("convert", "feature 'image'", "got 783 values")
TypeError: Expected pandas DataFrame or list of arrays
"""
OURS = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times
laketrain.errors.DataError: [convert] image feature 'pixels': got a column of string, expected binary. Next: cast it
	at org.apache.spark.api.python.BasePythonRunner"""


@pytest.mark.parametrize(("text", "message"), [
    (PYTHON_WORKER, "TypeError: Expected pandas DataFrame or list of arrays"),
    ("[UNRESOLVED_COLUMN] A column `x` cannot be resolved. SQLSTATE: 42703; line 1",
     "[UNRESOLVED_COLUMN] A column `x` cannot be resolved."),
    ("An error occurred while calling o42.count.\n: org.apache.spark.SparkException: Job aborted.\n\tat org.x.Y\n"
     "Caused by: java.io.IOException: No space left on device\n\tat java.base", "No space left on device"),
    ("", "Spark failed"),
])
def test_the_first_sentence_is_the_readable_part_of_spark_s_message(text: str, message: str) -> None:
    assert first_sentence(text) == message


def test_an_error_of_laketrain_from_an_executor_is_unwrapped() -> None:
    with pytest.raises(DataError) as caught, translate_spark_errors("convert", "dataset 'x'"):
        raise PySparkException(OURS)
    assert str(caught.value) == ("[convert] image feature 'pixels': got a column of string, expected binary. "
                                 "Next: cast it")


@pytest.mark.parametrize("text", [
    "Caused by: java.lang.OutOfMemoryError: Java heap space",
    'Cannot invoke "RpcEndpointRef.askSync()" because "BlockManagerMaster.driverEndpoint()" is null'])
def test_running_out_of_memory_is_an_error_that_names_the_setting(text: str) -> None:
    with pytest.raises(DataError, match=r"table 'x': Spark's JVM ran out of memory. Next: raise spark.driver.memory"), (
            translate_spark_errors("clean", "table 'x'")):
        raise PySparkException(text)


def test_other_exceptions_pass_unchanged() -> None:
    with pytest.raises(KeyError), translate_spark_errors("convert", "dataset 'x'"):
        raise KeyError("mine")


def test_pysparks_log_of_a_translated_error_is_suppressed(spark: SparkSession) -> None:
    from pyspark.logger import PySparkLogger

    shown: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = shown.append  # type: ignore[method-assign]
    log = PySparkLogger.getLogger("SQLQueryContextLogger")
    log.addHandler(handler)
    try:
        with pytest.raises(DataError), translate_spark_errors("clean", "table 'x'"):
            spark.range(1).selectExpr("cast(interval '1' day as double)")
        assert shown == []
        with pytest.raises(Exception, match="DATATYPE_MISMATCH"):
            spark.range(1).selectExpr("cast(interval '1' day as double)")
        assert len(shown) == 1
        one, other = ExitStack(), ExitStack()  # as of two threads
        one.enter_context(translate_spark_errors("clean", "table 'x'"))
        other.enter_context(translate_spark_errors("clean", "table 'y'"))
        one.close()
        other.close()
        with pytest.raises(Exception, match="DATATYPE_MISMATCH"):
            spark.range(1).selectExpr("cast(interval '1' day as double)")
        assert len(shown) == 2
    finally:
        log.removeHandler(handler)
