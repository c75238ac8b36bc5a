"""An error of a database has a hint with the next step."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkException

from laketrain.errors import DataError
from laketrain.ingest.hints import DEFAULT_HINT, hint_for, with_hints


@pytest.mark.parametrize(("message", "hint"), [
    ("[NUMERIC_VALUE_OUT_OF_RANGE] 1 can't be represented as Decimal(38, 18)", "customSchema"),
    ("Bad value for type BigDecimal : NaN", "customSchema"), ("DAY_OF_MONTH: 0", "customSchema"),
    ("[UNRECOGNIZED_SQL_TYPE] Unrecognized SQL type - name: INTERVAL YEAR, id: OTHER", "CAST(tags AS VARCHAR)"),
    ("[COLUMN_ALREADY_EXISTS] The column `id` already exists", "differ by case"),
    ("Partition column type should be numeric, date, or timestamp, but string found", "'partition'"),
    ("Connection refused", DEFAULT_HINT),
])
def test_each_error_has_its_next_step(message: str, hint: str) -> None:
    assert hint in hint_for(message)


def test_an_error_with_a_hint_keeps_it() -> None:
    with pytest.raises(DataError, match="Next: mine"), with_hints():
        raise DataError("ingest", "source 's'", "is wrong", "mine") from PySparkException("NaN")
    with pytest.raises(DataError, match="Next: a value isn't of the type"), with_hints():
        raise DataError("ingest", "source 's'", "is wrong") from PySparkException("Bad value for type BigDecimal : NaN")
    with pytest.raises(DataError) as caught, with_hints():
        raise DataError("ingest", "source 's'", "is wrong")
    assert caught.value.hint == ""
