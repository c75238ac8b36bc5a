"""A categorical value a row as an index: of the train split's values, or of a hash.

    features:
      shop: {kind: category, column: shop, minimum_count: 5}
      user: {kind: category, column: user_id, hashed: 100000}

int64 from 1; 0 is missing or unknown. An embedding needs `count` rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field

from laketrain.errors import DataError
from laketrain.features.base import Scalar, nulls, reasons
from laketrain.features.numeric import as_tuple
from laketrain.features.tokens import most_common

UNKNOWN = 0
_MARK = "="


class Category(Scalar):
    """Texts, integers or booleans as indices from 1; values that the train split lacks are 0."""

    fit_first: ClassVar[bool] = True

    kind: Literal["category"] = "category"
    role: Literal["input"] = "input"
    """It is an input of the model."""
    minimum_count: int = Field(default=1, ge=1)
    """A value needs at least this many rows of the train split to have its own index."""
    most: int = Field(default=1_000_000, ge=1)
    """At most this many values have their own index: the most common ones."""
    hashed: int | None = Field(default=None, ge=2)
    """Number of hash buckets, instead of the train split's values; the hash never changes."""
    unknown: Literal["zero", "refuse"] = "zero"
    """Whether a value that is missing or has no index becomes 0, or its row is quarantined."""
    learnt_values: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    """Fitted by convert."""

    @property
    def count(self) -> int:
        """Number of indices with the one for unknown: the rows of an embedding."""
        return (self.hashed or len(self.learnt_values)) + 1

    @property
    def cardinality(self) -> int:
        return self.count

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.int64)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.int64()

    def check(self, column: pa.Array) -> pa.Array:
        kind = column.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)
                or pa.types.is_boolean(kind)):
            raise self.wrong_type(column, "texts, whole numbers or booleans")
        if self.unknown == "zero":
            return pa.nulls(len(column), pa.string())
        unknown = np.zeros(len(column), np.bool_)
        if self.learnt_values:
            unknown = self._indices(column) == UNKNOWN
        text = pc.binary_join_element_wise("is '", pc.utf8_slice_codeunits(_texts(column), 0, 40),
                                           "', which the train split lacks", "")
        return reasons(len(column), (nulls(column), "is null"), (unknown & ~nulls(column), text))

    def pack(self, column: pa.Array) -> pa.Array:
        return pa.array(self._indices(column))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        return np.asarray(stored.to_numpy(zero_copy_only=False), np.int64)

    def tally(self, column: pa.Array) -> dict[str, int]:
        if self.hashed is not None:
            return {}
        counts = pc.value_counts(_texts(column).drop_null())
        # Prefixed, so that a value isn't mistaken for a key of `laketrain.features.tally`.
        return {_MARK + value: count for value, count in zip(
            counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)}

    def fit(self, values: Mapping[str, Any]) -> Category:
        if self.hashed is not None:
            return self
        counts = {key.removeprefix(_MARK): count for key, count in values.items()}
        frequent = most_common(counts, self.minimum_count, self.most)
        if not frequent:
            raise DataError("convert", self.subject, f"no value has {self.minimum_count} rows in the train split",
                            "lower `minimum_count`, or look at the quarantine and at the split's fractions")
        return self.model_copy(update={"learnt_values": frequent})

    def unused_settings(self) -> Iterator[tuple[str, str]]:
        for key in self.non_default("minimum_count", "most") if self.hashed is not None else ():
            yield key, "is for values of the train split, and `hashed` doesn't use them"

    def caption(self, value: Any) -> str:
        if self.hashed is not None or int(value) == UNKNOWN:
            return f"#{int(value)}"
        return self.learnt_values[int(value) - 1]

    def _indices(self, column: pa.Array) -> npt.NDArray[np.int64]:
        texts = _texts(column)
        if self.hashed is None:
            index = pc.index_in(texts, value_set=pa.array(self.learnt_values, pa.string()), skip_nulls=True)
            return np.asarray(pc.fill_null(index, -1), np.int64) + 1
        distinct = pc.dictionary_encode(texts)
        hashes = [_hash(text) % self.hashed + 1 for text in distinct.dictionary.to_pylist()]
        index = np.asarray(pc.fill_null(distinct.indices, -1), np.int64)
        return np.where(index < 0, UNKNOWN, np.array(hashes or [UNKNOWN], np.int64)[index])


def _texts(column: pa.Array) -> pa.Array:
    return column.cast(pa.string())


def _hash(text: str) -> int:
    """The same in every process, release and programming language. Not for security."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[:8], "big")
