"""What helps against what a database, its driver or Spark's reader says.

    remedy("[UNRECOGNIZED_SQL_TYPE] Unrecognized SQL type - name: JSON")     # cast such columns in 'query', …
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
_REMEDIES = tuple((re.compile(said, re.IGNORECASE), remedy) for said, remedy in (
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
UNREACHED = "check the source's address, names and rights, and that the server runs"


def remedy(said: str) -> str:
    """The next step after an error."""
    return next((remedy for pattern, remedy in _REMEDIES if pattern.search(said)), UNREACHED)


@contextmanager
def helped() -> Iterator[None]:
    """Adds it to an error of Spark's in words that says no next step."""
    try:
        yield
    except DataError as error:
        if error.hint or not isinstance(error.__cause__, (Py4JError, PySparkException)):
            raise
        raise DataError(error.stage, error.subject, error.problem, remedy(str(error.__cause__))) from error.__cause__
