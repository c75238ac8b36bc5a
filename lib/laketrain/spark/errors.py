"""Spark's exceptions in words: a user never sees a Py4J stack for a mistake of theirs.

    with explained("clean", "table 'pixels'"): ...
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

from laketrain.errors import DataError, LaketrainError

_AGAIN = "land a whole file, then ingest again"
_STATE = r"\s*SQLSTATE: \w+.*$"
_PACKED = re.compile(r"while reading file \S*?/(raw/[^/\s]+)/data/[^/\s]+/(\S+\.(?:gz|bz2|deflate))\b", re.IGNORECASE)
_DAMAGE = re.compile(r"end of (input )?(stream|file)|gzip|crc|bzip|header|block|distance|literal|code length|checksum|"
                     "corrupt|incorrect|invalid", re.IGNORECASE)
"""What the JVM says of compressed text that is damaged."""
_OF_FILES = ("EOFException", "Invalid sync", "ZipException", "DataFormatException", "AvroRuntimeException",
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
        text = str(error)
        raise carried(error) or _out_of_memory(stage, subject, text) or _damaged(stage, subject, text) or DataError(
            stage, subject, first_sentence(text), _remedy(text)) from error


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without PySpark's own log, a page of JSON, of a mistake that is told in words."""
    from pyspark.logger import PySparkLogger

    def none(_: logging.LogRecord) -> bool:
        return False

    # A filter of one's own: threads that share the log come and go in any order.
    log = PySparkLogger.getLogger("SQLQueryContextLogger")
    log.addFilter(none)
    try:
        yield
    finally:
        log.removeFilter(none)


def _remedy(text: str) -> str:
    """What helps where Spark found a file damaged."""
    return _AGAIN if any(word in text for word in _OF_FILES) else ""


def _out_of_memory(stage: str, subject: str, text: str) -> DataError | None:
    """An executor that ran out of memory, or in local mode a driver that died of it and left nobody to ask."""
    if "OutOfMemoryError" not in text and "BlockManagerMaster.driverEndpoint" not in text:
        return None
    return DataError(stage, subject, "Spark's JVM ran out of memory",
                     "raise spark.driver.memory (in local mode) or spark.executor.memory in the config's 'spark.conf'")


def _damaged(stage: str, subject: str, text: str) -> DataError | None:
    """A landed file of compressed text that ends early, or was altered, beyond what was looked at before."""
    file = _PACKED.search(text)
    said = first_sentence(text).rpartition(": ")[2]
    if file is None or not _DAMAGE.search(said):
        return None
    return DataError(stage, subject, f"the file {unquote(file[2])} of {file[1]} is damaged: {said}",
                     _AGAIN)


def carried(error: Exception) -> LaketrainError | None:
    """Our own error that an executor raised, found in the text of Spark's exception; None where it has none."""
    match = re.search(r"laketrain\.errors\.(\w+): \[(\w+)\] (.*?): (.*)", str(error))
    if match is None:
        return None
    problem, _, hint = re.sub(_STATE, "", match[4]).partition(". Next: ")
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
    line = re.sub(_STATE, "", line)
    file = re.search(r"while reading file (\S+?)\.?\s", text)
    return f"{file[1]}: {line}" if file and file[1] not in line else line
