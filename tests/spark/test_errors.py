import pytest
from pyspark.errors import PySparkException

from laketrain.errors import DataError
from laketrain.spark.errors import explained, first_sentence

PYTHON_WORKER = """An exception was thrown from the Python worker. Please see the stack trace below.
Traceback (most recent call last):
  File "writer.py", line 97, in write_partition
    raise DataError("convert", "feature 'image'", "got 783 values")
TypeError: Expected pandas DataFrame or list of arrays
"""
OURS = """Job aborted due to stage failure: Task 0 in stage 3.0 failed 1 times
laketrain.errors.DataError: [convert] image feature 'pixels': got a column of string, expected binary. Next: cast it
	at org.apache.spark.api.python.BasePythonRunner"""


@pytest.mark.parametrize(("text", "said"), [
    (PYTHON_WORKER, "TypeError: Expected pandas DataFrame or list of arrays"),
    ("[UNRESOLVED_COLUMN] A column `x` cannot be resolved. SQLSTATE: 42703; line 1",
     "[UNRESOLVED_COLUMN] A column `x` cannot be resolved."),
    ("An error occurred while calling o42.count.\n: org.apache.spark.SparkException: Job aborted.\n\tat org.x.Y\n"
     "Caused by: java.io.IOException: No space left on device\n\tat java.base", "No space left on device"),
    ("", "Spark failed"),
])
def test_of_a_spark_exception_the_part_for_people_is_kept(text: str, said: str) -> None:
    assert first_sentence(text) == said


def test_an_error_of_ours_from_an_executor_is_told_in_its_own_words() -> None:
    with pytest.raises(DataError) as caught, explained("convert", "dataset 'x'"):
        raise PySparkException(OURS)
    assert str(caught.value) == ("[convert] image feature 'pixels': got a column of string, expected binary. "
                                 "Next: cast it")


@pytest.mark.parametrize("text", [
    "Caused by: java.lang.OutOfMemoryError: Java heap space",
    'Cannot invoke "RpcEndpointRef.askSync()" because "BlockManagerMaster.driverEndpoint()" is null'])
def test_a_lack_of_memory_is_told_with_the_setting_that_helps(text: str) -> None:
    with pytest.raises(DataError, match=r"table 'x': Spark's JVM ran out of memory. Next: raise spark.driver.memory"), (
            explained("clean", "table 'x'")):
        raise PySparkException(text)


def test_what_is_no_mistake_of_sparks_passes_as_it_is() -> None:
    with pytest.raises(KeyError), explained("convert", "dataset 'x'"):
        raise KeyError("mine")
