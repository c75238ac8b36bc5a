"""Translates Spark's exceptions into laketrain's errors, without Py4J stack traces.

    with translate_spark_errors("clean", "table 'pixels'"): ...
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from laketrain.errors import DataError, LaketrainError

_INGEST_AGAIN = "land a whole file, then ingest again"
_STATE = r"\s*SQLSTATE: \w+.*$"
_COMPRESSED_FILE = re.compile(r"while reading file \S*?/(raw/[^/\s]+)/data/[^/\s]+/(\S+\.(?:gz|bz2|deflate))\b",
                              re.IGNORECASE)
_DAMAGED_STREAM = re.compile(r"end of (input )?(stream|file)|gzip|crc|bzip|header|block|distance|literal|code length|"
                             "checksum|corrupt|incorrect|invalid", re.IGNORECASE)
"""Messages of the JVM about damaged compressed text."""
_FILE_ERRORS = ("EOFException", "Invalid sync", "ZipException", "DataFormatException", "AvroRuntimeException",
                "InvalidAvroMagicException")
"""Names in the text of an exception about a file that is truncated or of another format."""


@contextmanager
def translate_spark_errors(stage: str, subject: str) -> Iterator[None]:
    """Raises a DataError with the first sentence of Spark's message. Errors of laketrain pass unchanged."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        with _without_query_log():
            yield
    except LaketrainError:
        raise
    except (PySparkException, Py4JError) as error:
        text = str(error)
        translated = (unwrap_executor_error(error) or _out_of_memory(stage, subject, text)
                      or _damaged_file(stage, subject, text))
        raise translated or DataError(stage, subject, first_sentence(text), _hint(text)) from error


@contextmanager
def _without_query_log() -> Iterator[None]:
    """Suppresses PySpark's log of the error, a page of JSON."""
    from pyspark.logger import PySparkLogger

    def reject(_: logging.LogRecord) -> bool:
        return False

    # A new function for each caller, because threads that share the logger enter and leave in any order.
    log = PySparkLogger.getLogger("SQLQueryContextLogger")
    log.addFilter(reject)
    try:
        yield
    finally:
        log.removeFilter(reject)


def _hint(text: str) -> str:
    """The next step for a damaged file, empty for other errors."""
    return _INGEST_AGAIN if any(word in text for word in _FILE_ERRORS) else ""


def _out_of_memory(stage: str, subject: str, text: str) -> DataError | None:
    """The error of an executor without memory, or, in local mode, of a driver that died of it."""
    if "OutOfMemoryError" not in text and "BlockManagerMaster.driverEndpoint" not in text:
        return None
    return DataError(stage, subject, "Spark's JVM ran out of memory",
                     "raise spark.driver.memory (in local mode) or spark.executor.memory in the config's 'spark.conf'")


def _damaged_file(stage: str, subject: str, text: str) -> DataError | None:
    """The error of a compressed text file that is truncated or altered; None for other errors."""
    file = _COMPRESSED_FILE.search(text)
    cause = first_sentence(text).rpartition(": ")[2]
    if file is None or not _DAMAGED_STREAM.search(cause):
        return None
    return DataError(stage, subject, f"the file {unquote(file[2])} of {file[1]} is damaged: {cause}", _INGEST_AGAIN)


def unwrap_executor_error(error: Exception) -> LaketrainError | None:
    """The error of laketrain that an executor raised, parsed from Spark's message; None where it has none."""
    match = re.search(r"laketrain\.errors\.(\w+): \[(\w+)\] (.*?): (.*)", str(error))
    if match is None:
        return None
    problem, _, hint = re.sub(_STATE, "", match[4]).partition(". Next: ")
    return DataError(match[2], match[3], problem, hint)


def with_causes(error: Exception) -> str:
    """The message with those of its causes, which Spark 4.1 and later leave out for databases."""
    messages, cause = [str(error)], getattr(error, "_cause", None)
    while cause is not None:
        messages.append(f"Caused by: {cause._desc}")
        cause = cause._cause
    return "\n".join(messages)


def first_sentence(text: str) -> str:
    """The readable part of a Spark message: without JVM frames, exception classes, query plans and SQLSTATE, and with
    the file that couldn't be read where Spark names it."""
    raised = re.findall(r"^(?:[\w.]*(?:Error|Exception|Interrupt)): .+$", text, flags=re.MULTILINE)
    if "Python worker" in text and raised:
        return raised[-1]
    cause = re.findall(r"Caused by: [\w.$]+: (.+(?:\n(?!\t|Caused by: ).+)*)", text)
    lines = [line.strip() for line in (cause[-1] if cause else text).splitlines() if line.strip()]
    line = next((line for line in lines if not line.startswith(("at ", "An error occurred while"))), "Spark failed")
    if "CSV header" in line:
        line = "; ".join(line.rstrip(".:") for line in lines if not line.startswith("CSV file"))
    line = re.sub(r"^(: )?([\w.$]+(Exception|Error): )+", "", line)
    line = re.sub(_STATE, "", line)
    file = re.search(r"while reading file (\S+?)\.?\s", text)
    return f"{file[1]}: {line}" if file and file[1] not in line else line
