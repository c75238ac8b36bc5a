"""The next step after an error of a database, its driver or Spark's reader.

    hint_for("[UNRECOGNIZED_SQL_TYPE] Unrecognized SQL type - name: JSON")     # cast such columns in 'query', …
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException

from laketrain.errors import DataError

_AS_TEXT = ("a value isn't of the type that its column is read as: read the column as the database's own text, by "
            "options: {customSchema: \"<column> string\"}, and let a rule of clean cast it; or cast it in 'query'")
_HINTS = tuple((re.compile(pattern, re.IGNORECASE), hint) for pattern, hint in (
    ("UNRECOGNIZED_SQL_TYPE|Unsupported type|Unsupported array",
     "Spark knows no such type: cast the column in 'query', e.g. SELECT id, CAST(tags AS VARCHAR) AS tags FROM …"),
    ("COLUMN_ALREADY_EXISTS|ambiguous",
     "names that differ by case only are one to Spark: name the columns apart in 'query', e.g. SELECT id, \"Id\" AS "
     "id_2 FROM …"),
    ("Partition column type should be|For input string",
     "let 'partition' name a column of whole numbers, dates or times, or cast it so in 'query'"),
    ("NUMERIC_VALUE_OUT_OF_RANGE|Bad value for type|DAY_OF_MONTH|zero date|out of range|NumberFormatException"
     "|Data ?(type )?conversion|cannot be (cast|converted)|can't convert|can not be represented|"
     "Cannot (convert|parse|be cast)|Truncation|DateTimeException|ArrayIndexOutOfBounds", _AS_TEXT),
))
DEFAULT_HINT = "check the source's address, names and rights, and that the server runs"


def hint_for(message: str) -> str:
    """The next step after an error with this message."""
    return next((hint for pattern, hint in _HINTS if pattern.search(message)), DEFAULT_HINT)


@contextmanager
def with_hints() -> Iterator[None]:
    """Adds the hint to translated errors of Spark that have none."""
    try:
        yield
    except DataError as error:
        if error.hint or not isinstance(error.__cause__, (Py4JError, PySparkException)):
            raise
        raise DataError(error.stage, error.subject, error.problem, hint_for(str(error.__cause__))) from error.__cause__
