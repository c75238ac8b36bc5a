"""Several labels of a row become zeros and ones."""

from __future__ import annotations

import pyarrow as pa
import pytest

from laketrain.errors import DataError

from .fitting import fitted, parse


@pytest.mark.parametrize(("settings", "column"), [
    ({}, pa.array([["cat"], [], ["dog", "cat"], ["cow"], None])),
    ({"separator": "|"}, pa.array(["cat", "", "dog | cat", "cow", None]))], ids=["arrays", "text"])
def test_several_labels_become_zeros_and_ones(settings: dict[str, str], column: pa.Array) -> None:
    feature = parse(kind="multilabel", names=["cat", "dog"], **settings)
    assert feature.check(column).to_pylist() == [None, None, None, "has 'cow', not one of the 2 names", "is null"]
    good = column.slice(0, 3)
    assert feature.tensor(good).tolist() == [[1, 0], [0, 0], [1, 1]]
    assert feature.caption(feature.tensor(good)[2]) == "cat, dog"
    assert fitted(feature, good).statistics.having == (2, 1)


def test_a_null_among_several_labels_is_refused() -> None:
    """A null is never silently the last class."""
    feature = parse(kind="multilabel", names=["sport", "politics", "science"])
    column = pa.array([["sport", None], ["art", None], [None], ["science"], None, ["art"]])
    null = "has a null among its names"
    assert feature.check(column).to_pylist() == [null, null, null, None, "is null",
                                                 "has 'art', not one of the 3 names"]
    with pytest.raises(DataError, match=null):
        feature.encode(column)
