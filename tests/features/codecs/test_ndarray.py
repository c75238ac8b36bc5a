from __future__ import annotations

from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from laketrain.errors import DataError
from laketrain.features.codecs.ndarray import decode_ndarrays, encode_ndarrays

DTYPES = st.sampled_from(["uint8", "int8", "int16", "uint16", "int32", "int64", "float16", "float32", "float64",
                          "bool"])
TENSORS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=6))


def saved(row: np.ndarray, **options: object) -> bytes:
    file = BytesIO()
    np.save(file, row, **options)
    return file.getvalue()


@given(TENSORS)
def test_each_row_equals_what_numpy_and_petastorm_save(array: np.ndarray) -> None:
    pytest.importorskip("petastorm")
    from petastorm.codecs import NdarrayCodec
    from petastorm.unischema import UnischemaField

    encoded = encode_ndarrays(array).to_pylist()
    field = UnischemaField("x", array.dtype.type, array.shape[1:], NdarrayCodec(), False)
    assert encoded == [saved(np.asarray(row)) for row in array]
    assert encoded == [bytes(NdarrayCodec().encode(field, np.asarray(row))) for row in array]


@given(TENSORS, st.integers(0, 6), st.sampled_from([pa.binary(), pa.large_binary()]))
def test_any_part_of_a_column_decodes_to_the_same_rows(array: np.ndarray, skip: int, kind: pa.DataType) -> None:
    column = encode_ndarrays(array).cast(kind).slice(min(skip, len(array)))
    decoded = decode_ndarrays(column, array.dtype, array.shape[1:])
    np.testing.assert_array_equal(decoded, array[skip:])
    assert (decoded.dtype, decoded.shape) == (array.dtype, array[skip:].shape)


def test_a_uniform_column_is_decoded_without_a_copy() -> None:
    column = encode_ndarrays(np.arange(24, dtype=np.uint8).reshape(4, 2, 3))
    decoded = decode_ndarrays(column, np.uint8, (2, 3))
    start, size = column.buffers()[2].address, column.buffers()[2].size
    assert start <= decoded.ctypes.data < start + size
    assert not decoded.flags.writeable


def test_values_are_cast_to_the_stored_dtype() -> None:
    column = encode_ndarrays(np.array([[1, 2], [3, 255]], np.int64), np.uint8)
    assert column.to_pylist() == [saved(np.array(row, np.uint8)) for row in ([1, 2], [3, 255])]


def test_a_strided_array_is_stored_in_its_own_order() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(0, 2, 1)
    np.testing.assert_array_equal(decode_ndarrays(encode_ndarrays(array), np.float32, (4, 3)), array)


def test_headers_padded_by_another_numpy_are_read_at_once() -> None:
    own = saved(np.arange(6, dtype=np.uint8).reshape(2, 3))
    text = own[10:-6].rstrip().ljust(101) + b"\n"
    shorter = own[:8] + len(text).to_bytes(2, "little") + text + own[-6:]
    assert np.load(BytesIO(shorter)).tolist() == [[0, 1, 2], [3, 4, 5]]
    column = pa.array([shorter] * 3, pa.binary())
    decoded = decode_ndarrays(column, np.uint8, (2, 3))
    assert decoded.tolist() == [[[0, 1, 2], [3, 4, 5]]] * 3
    assert not decoded.flags.owndata


@pytest.mark.parametrize("other", [
    np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)),
    np.arange(6, dtype=">f4").reshape(2, 3),
])
def test_rows_of_other_memory_order_are_read_one_by_one(other: np.ndarray) -> None:
    plain = np.arange(6, dtype="<f4").reshape(2, 3)
    column = pa.array([saved(plain), saved(other)], pa.binary())
    np.testing.assert_array_equal(decode_ndarrays(column, np.float32, (2, 3)), [plain, plain])


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("a pickle was loaded",)


@pytest.mark.parametrize(("row", "message"), [
    (None, "1 of 2 rows are null"),
    (b"", "not a saved array"),
    (b"not an array at all", "not a saved array"),
    (saved(np.zeros((2, 3), np.uint8))[:-1], "not a saved array"),
    (saved(np.array([Bomb()], object), allow_pickle=True), "not a saved array"),
    (saved(np.zeros((3, 2), np.uint8)), "got uint8 (3, 2), expected uint8 (2, 3)"),
    (saved(np.zeros((2, 3), np.float32)), "got float32 (2, 3), expected uint8 (2, 3)"),
])
@pytest.mark.parametrize("first", [True, False])
def test_a_row_that_is_not_an_array_of_its_shape_is_refused(row: bytes | None, message: str, first: bool) -> None:
    good = saved(np.zeros((2, 3), np.uint8))
    column = pa.array([row, good] if first else [good, row], pa.binary())
    with pytest.raises(DataError) as error:
        decode_ndarrays(column, np.uint8, (2, 3))
    assert message in str(error.value)


def test_objects_are_never_stored() -> None:
    with pytest.raises(DataError, match="holds Python objects"):
        encode_ndarrays(np.array([[{}]], object))
