"""Spark ML's vectors, of columns of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column


def vector(numbers: Column) -> Column:
    """A vector of an array; null where that is null."""
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql import functions as F

    return F.when(numbers.isNotNull(), array_to_vector(numbers))
