"""Dates and times as text that Spark and Python read equally.

    SPARK_TIMESTAMP.fullmatch("2026-11-20 03:15")
"""

from __future__ import annotations

import re

SPARK_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}(:[0-9]{2})?|[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:?[0-9]{2})?)?")
"""A date or timestamp that Spark reads. It reads other forms of ISO 8601, and an offset without seconds, as null."""
