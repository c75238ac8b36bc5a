from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from laketrain.errors import DataError
from laketrain.features import Image

IMAGE = Image(column="pixels", shape=(2, 2, 1))
GOOD = [[0, 1, 2, 255], [4, 5, 6, 7]]
LISTS = [pa.list_(pa.int32()), pa.list_(pa.int64()), pa.list_(pa.int16()), pa.list_(pa.uint8()),
         pa.large_list(pa.int32()), pa.list_(pa.int32(), 4)]


@pytest.mark.parametrize("kind", LISTS, ids=str)
def test_lists_of_whole_numbers_become_uint8_images(kind: pa.DataType) -> None:
    tensor = IMAGE.tensor(pa.array(GOOD, kind))
    assert tensor.dtype == np.uint8
    np.testing.assert_array_equal(tensor, np.array(GOOD).reshape(2, 2, 2, 1))


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary(4)], ids=str)
def test_raw_bytes_become_the_same_images(kind: pa.DataType) -> None:
    column = pa.array([bytes(row) for row in GOOD], kind)
    np.testing.assert_array_equal(IMAGE.tensor(column), np.array(GOOD).reshape(2, 2, 2, 1))


@pytest.mark.parametrize("kind", [*LISTS, pa.binary(), pa.binary(4)], ids=str)
def test_a_part_of_a_column_is_read_from_its_own_start(kind: pa.DataType) -> None:
    rows = [[9, 9, 9, 9], None, *GOOD]
    binary = pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind)
    column = pa.array([row and bytes(row) for row in rows] if binary else rows, kind)
    assert IMAGE.check(column.slice(1)).to_pylist() == ["is null", None, None]
    np.testing.assert_array_equal(IMAGE.tensor(column.slice(2)), np.array(GOOD).reshape(2, 2, 2, 1))


@pytest.mark.parametrize(("row", "reason"), [
    (None, "is null"),
    ([1, 2, 3], "has 3 values, expected 4 = 2×2×1"),
    ([], "has 0 values, expected 4 = 2×2×1"),
    ([1, 2, 3, 4, 5], "has 5 values, expected 4 = 2×2×1"),
    ([1, 2, None, 4], "has a null among its values"),
    ([1, 2, 3, 256], "has a value outside 0..255"),
    ([-1, 2, 3, 4], "has a value outside 0..255"),
])
def test_every_invalid_row_has_a_reason(row: list[int] | None, reason: str) -> None:
    column = pa.array([GOOD[0], row, [], GOOD[1], row], pa.list_(pa.int32()))
    assert IMAGE.check(column).to_pylist() == [None, reason, "has 0 values, expected 4 = 2×2×1", None, reason]


def test_bytes_of_another_length_have_a_reason() -> None:
    column = pa.array([b"abcd", b"abc", None], pa.binary())
    assert IMAGE.check(column).to_pylist() == [None, "has 3 values, expected 4 = 2×2×1", "is null"]


@given(st.lists(st.none() | st.lists(st.none() | st.integers(-2, 258), max_size=6), max_size=12), st.integers(0, 3))
def test_a_row_is_valid_exactly_if_it_is_an_image(rows: list[list[int | None] | None], skip: int) -> None:
    reasons = IMAGE.check(pa.array(rows, pa.list_(pa.int32())).slice(skip)).to_pylist()
    good = [row is not None and len(row) == 4 and all(x is not None and 0 <= x <= 255 for x in row) for row in rows]
    assert [reason is None for reason in reasons] == good[skip:]


def test_encoding_an_invalid_row_raises_with_its_index() -> None:
    with pytest.raises(DataError, match=r"1 of 3 rows can't be encoded; row 2 has 1 values"):
        IMAGE.encode(pa.array([*GOOD, [1]]))


@pytest.mark.parametrize("column", [pa.array(["a"]), pa.array([1]), pa.array([[1.5]])], ids=str)
def test_a_column_of_another_type_is_refused_for_pixels(column: pa.Array) -> None:
    with pytest.raises(DataError, match="expected array<integer> or binary"):
        IMAGE.check(column)


@pytest.mark.parametrize(("shape", "message"), [
    ([28, 28], r"three sizes \[height, width, channels\].*got \[28, 28\]"),
    ([28, 28, 0], "each a whole number ≥ 1"),
    ([28, 28, 1.0], "each a whole number ≥ 1"),
    ([28, 28, True], "each a whole number ≥ 1"),
    ("28x28", "three sizes"),
    ([100_000, 100_000, 3], "30000000000 values a row"),
])
def test_an_invalid_shape_is_explained(shape: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Image.model_validate({"column": "pixels", "shape": shape})


def test_mean_and_deviation_are_those_of_all_pixels() -> None:
    rows = np.random.default_rng(3).integers(0, 256, (50, 4))
    learnt = IMAGE.fit(IMAGE.tally(pa.array(rows.tolist()))).statistics
    assert learnt is not None
    assert math.isclose(learnt.mean, (rows / 255).mean())
    assert math.isclose(learnt.std, (rows / 255).std())


@given(st.permutations(range(6)), st.integers(1, 5))
def test_statistics_do_not_depend_on_the_partitioning(order: list[int], cut: int) -> None:
    rows = [[i, 50 * i, 255 - i, 7] for i in range(6)]
    parts = [IMAGE.tally(pa.array([rows[i] for i in part])) for part in (order[:cut], order[cut:])]
    summed = {key: sum(part[key] for part in parts) for key in parts[0]}
    assert IMAGE.fit(summed) == IMAGE.fit(IMAGE.tally(pa.array(rows)))


def test_an_empty_train_split_raises() -> None:
    with pytest.raises(DataError, match="no valid image"):
        IMAGE.fit({"count": 0, "total": None, "squares": None})
