"""Spark's exceptions in words: a user never sees a Py4J stack for a mistake of theirs.

    with explained("clean", "table 'pixels'"): ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from laketrain.errors import DataError, LaketrainError

_DAMAGE = ("EOFException", "Invalid sync", "ZipException", "DataFormatException", "AvroRuntimeException",
           "InvalidAvroMagicException")
"""What is in the text of an exception where a file is cut off, or not what it says."""


@contextmanager
def explained(stage: str, subject: str) -> Iterator[None]:
    """Turns what Spark throws inside into a DataError with Spark's own first sentence. Ours pass as they are."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        with _unlogged():
            yield
    except LaketrainError:
        raise
    except (PySparkException, Py4JError) as error:
        raise carried(error) or _out_of_memory(stage, subject, str(error)) or DataError(
            stage, subject, first_sentence(str(error)), _remedy(str(error))) from error


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without PySpark's own log, a page of JSON, of a mistake that is told in words."""
    from pyspark.logger import PySparkLogger

    log = PySparkLogger.getLogger("SQLQueryContextLogger")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _remedy(text: str) -> str:
    """What helps where Spark found a file damaged."""
    return "land a whole file, then ingest again" if any(word in text for word in _DAMAGE) else ""


def _out_of_memory(stage: str, subject: str, text: str) -> DataError | None:
    """An executor that ran out of memory, or in local mode a driver that died of it and left nobody to ask."""
    if "OutOfMemoryError" not in text and "BlockManagerMaster.driverEndpoint" not in text:
        return None
    return DataError(stage, subject, "Spark's JVM ran out of memory",
                     "raise spark.driver.memory (in local mode) or spark.executor.memory in the config's 'spark.conf'")


def carried(error: Exception) -> LaketrainError | None:
    """Our own error that an executor raised, found in the text of Spark's exception; None where it has none."""
    match = re.search(r"laketrain\.errors\.(\w+): \[(\w+)\] (.*?): (.*)", str(error))
    if match is None:
        return None
    problem, _, hint = match[4].partition(". Next: ")
    return DataError(match[2], match[3], problem, hint)


def first_sentence(text: str) -> str:
    """Of a Spark message the part for people: without JVM frames, exception classes, query plans and SQLSTATE; with
    the file that couldn't be read, where Spark names one."""
    raised = re.findall(r"^(?:[\w.]*(?:Error|Exception|Interrupt)): .+$", text, flags=re.MULTILINE)
    if "Python worker" in text and raised:
        return raised[-1]
    cause = re.findall(r"Caused by: [\w.$]+: (.+(?:\n(?!\t|Caused by: ).+)*)", text)
    lines = [line.strip() for line in (cause[-1] if cause else text).splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith(("at ", "An error occurred while"))), "Spark failed")
    if "CSV header" in line:
        line = "; ".join(line.rstrip(".:") for line in lines if not line.startswith("CSV file"))
    line = re.sub(r"^(: )?([\w.$]+(Exception|Error): )+", "", line)
    line = re.sub(r"\s*SQLSTATE: \w+.*$", "", line)
    file = re.search(r"while reading file (\S+?)\.?\s", text)
    return f"{file[1]}: {line}" if file and file[1] not in line else line
