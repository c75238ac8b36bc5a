from __future__ import annotations

import pyarrow as pa
import pytest

from laketrain.errors import DataError
from laketrain.features import Key

KEY = Key(column="id")


def test_text_is_unchanged_and_numbers_become_text() -> None:
    assert KEY.tensor(pa.array(["a", "é", ""])).tolist() == ["a", "é", ""]
    assert KEY.tensor(pa.array([1, 20])).tolist() == ["1", "20"]
    assert KEY.tensor(pa.array([0], pa.date32())).tolist() == ["1970-01-01"]
    assert KEY.tensor(pa.array([0], pa.timestamp("us", "UTC")))[0].startswith("1970-01-01 00:00:00")


def test_a_row_without_a_key_is_refused() -> None:
    assert KEY.check(pa.array(["a", None])).to_pylist() == [None, "is null"]


def test_a_key_of_fractions_is_refused() -> None:
    with pytest.raises(DataError, match="expected strings, whole numbers, dates or times"):
        KEY.check(pa.array([0.5]))
