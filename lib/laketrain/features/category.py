"""One of many values a row as a number: learnt from the train split, or hashed.

    features:
      shop: {kind: category, column: shop, minimum_count: 5}
      user: {kind: category, column: user_id, hashed: 100000}

int64: 0 is missing or unknown, so an embedding needs `count` rows.
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
    """Texts, whole numbers or booleans as numbers from 1; what training never saw is 0."""

    fit_first: ClassVar[bool] = True

    kind: Literal["category"] = "category"
    role: Literal["input"] = "input"
    """The model sees it."""
    minimum_count: int = Field(default=1, ge=1)
    """How often a value comes in the train split at least, to have a number of its own."""
    most: int = Field(default=1_000_000, ge=1)
    """How many values have a number of their own at most: the commonest."""
    hashed: int | None = Field(default=None, ge=2)
    """Instead of learning: so many numbers, which values share by a hash that never changes."""
    unknown: Literal["zero", "refuse"] = "zero"
    """What becomes of a row whose value has no number, or is missing: it is 0, or the row is quarantined."""
    learnt_values: Annotated[tuple[str, ...], BeforeValidator(as_tuple)] = ()
    """Learnt by convert."""

    @property
    def count(self) -> int:
        """How many numbers there are, the unknown among them: the rows of an embedding."""
        return (self.hashed or len(self.learnt_values)) + 1

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
        strange = np.zeros(len(column), np.bool_)
        if self.learnt_values:
            strange = self._numbers(column) == UNKNOWN
        said = pc.binary_join_element_wise("is '", pc.utf8_slice_codeunits(_texts(column), 0, 40),
                                           "', which the train split lacks", "")
        return reasons(len(column), (nulls(column), "is null"), (strange & ~nulls(column), said))

    def pack(self, column: pa.Array) -> pa.Array:
        return pa.array(self._numbers(column))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        return np.asarray(stored.to_numpy(zero_copy_only=False), np.int64)

    def tally(self, column: pa.Array) -> dict[str, int]:
        if self.hashed is not None:
            return {}
        counts = pc.value_counts(_texts(column).drop_null())
        # Marked, so that no value is taken for a key of another meaning (`laketrain.features.tally`).
        return {_MARK + value: count for value, count in zip(
            counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)}

    def fit(self, values: Mapping[str, Any]) -> Category:
        if self.hashed is not None:
            return self
        counts = {key.removeprefix(_MARK): count for key, count in values.items()}
        found = most_common(counts, self.minimum_count, self.most)
        if not found:
            raise DataError("convert", self.subject, f"no value of the train split comes {self.minimum_count} times",
                            "lower `minimum_count`, or look at the quarantine and at the split's fractions")
        return self.model_copy(update={"learnt_values": found})

    def idle(self) -> Iterator[tuple[str, str]]:
        for key in self.non_default("minimum_count", "most") if self.hashed is not None else ():
            yield key, "is for values that are learnt, and with `hashed` none is"

    def caption(self, value: Any) -> str:
        if self.hashed is not None or int(value) == UNKNOWN:
            return f"#{int(value)}"
        return self.learnt_values[int(value) - 1]

    def _numbers(self, column: pa.Array) -> npt.NDArray[np.int64]:
        texts = _texts(column)
        if self.hashed is None:
            found = pc.index_in(texts, value_set=pa.array(self.learnt_values, pa.string()), skip_nulls=True)
            return np.asarray(pc.fill_null(found, -1), np.int64) + 1
        distinct = pc.dictionary_encode(texts)
        hashes = [_hash(text) % self.hashed + 1 for text in distinct.dictionary.to_pylist()]
        own = np.array(hashes or [UNKNOWN], np.int64)
        places = np.asarray(pc.fill_null(distinct.indices, -1), np.int64)
        return np.where(places < 0, UNKNOWN, own[places])


def _texts(column: pa.Array) -> pa.Array:
    return column.cast(pa.string())


def _hash(text: str) -> int:
    """The same in every process, version and language; nothing secret about it."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[:8], "big")
