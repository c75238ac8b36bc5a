"""The Arrow type as which Spark sends a column to a Python task, in every release of PySpark.

    arrow_type(T.TimestampType())       # timestamp[us, tz=UTC]

PySpark's own functions have other arguments in each release.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import pyarrow as pa
from pyspark.sql import types as T
from pyspark.sql.pandas.types import to_arrow_type


def arrow_type(kind: T.DataType) -> pa.DataType:
    """The Arrow type of a Spark type. Times are in UTC. Raises PySparkException where Arrow has none."""
    return to_arrow_type(kind, **_arguments())


@cache
def _arguments() -> dict[str, Any]:
    """PySpark 4.1 and later ask for the zone of times. Earlier ones always use UTC."""
    return {"timezone": "UTC"} if "timezone" in inspect.signature(to_arrow_type).parameters else {}
