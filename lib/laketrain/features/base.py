"""What a feature is: a column of a table, the bytes it becomes in Parquet, the tensor it becomes for Keras.

Both directions live in one class, so that convert and predict can't disagree:

    good = column.filter(pc.is_null(feature.check(column)))
    images = feature.decode(feature.encode(good))         # the same as feature.tensor(good)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from laketrain.errors import DataError

Role = Literal["input", "target", "id", "weight"]
Codec = Literal["ndarray", "scalar", "png", "jpeg"]
Look = Literal["image", "heat", "curves", "text", "bars"]
Self = TypeVar("Self", bound="Feature")


@dataclass(frozen=True)
class Drawing:
    """How a person looks at one value: `data` is (h, w) or (h, w, c) for an image, (bands, frames) for a heat map,
    (steps, channels) for curves, (n,) for bars, a string for text."""

    look: Look
    data: Any


@dataclass(frozen=True)
class Storage:
    """A stored column in plain values: all that another library (Petastorm) needs to describe it.

    `dtype` is NumPy's name of it (`uint8`, `int64`, `str`). `codec` is `ndarray`, `scalar`, or for compressed images
    `png` or `jpeg`. A None in `shape` is a size that varies by row.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    codec: Codec
    nullable: bool = False


class Feature(BaseModel, ABC):
    """One feature of a dataset. Values only: it is declared in YAML, saved as JSON, sent to executors.

    Statistics learnt from the train split are fields like any other. The text under each field becomes
    docs/reference/config.md (tools/config_reference.py).
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)
    codec: ClassVar[Codec] = "scalar"
    learns_first: ClassVar[bool] = False
    """Whether `pack` needs what is learnt: then the train split is read once more, before anything is written."""

    kind: str
    """What it is; each kind is a class."""
    column: str = Field(min_length=1)
    """The table's column that it is made of; by default the column of the feature's own name."""
    role: Role
    """What it is for."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Of the decoded tensor."""

    if TYPE_CHECKING:  # a field of some kinds, a property of others

        @property
        def shape(self) -> tuple[int, ...]:
            """Of one row; () for a scalar."""

    @property
    @abstractmethod
    def arrow_type(self) -> pa.DataType:
        """Of the stored column."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Of the table, that the feature is made of. Where they are several, `check` and the others get a StructArray
        whose fields have these names."""
        return (self.column,)

    @property
    def buckets(self) -> tuple[int, ...]:
        """Ascending lengths: a row is padded to the first that holds it, in Parquet already, and only rows of one
        bucket share a batch. () where all rows have one shape; else the first size of `shape` is the last bucket."""
        return ()

    def bucket_of(self, column: pa.Array) -> npt.NDArray[np.int64]:
        """(n,) the index in `buckets` of each row that `check` has passed."""
        return np.zeros(len(column), np.int64)

    def at(self: Self, bucket: int) -> Self:
        """The feature as the rows of this bucket hold it: its `shape` begins with that length."""
        return self

    @property
    def row_bytes(self) -> int:
        """Memory of one decoded row, of the longest bucket."""
        return int(self.dtype.itemsize * np.prod(self.shape, dtype=np.int64))

    def storage(self, name: str) -> Storage:
        """The stored column under the name that the dataset gives it."""
        return Storage(name, self.dtype.name, self.shape, self.codec)

    @abstractmethod
    def check(self, column: pa.Array) -> pa.Array:
        """The reason why each row is refused, as strings; null where it is good.

        Raises:
            DataError: the column's type can't hold this feature, whatever the rows.
        """

    @abstractmethod
    def pack(self, column: pa.Array) -> pa.Array:
        """What Parquet stores, from rows that `check` has passed."""

    def encode(self, column: pa.Array) -> pa.Array:
        """What Parquet stores, of type `arrow_type`.

        Raises:
            DataError: some row is refused by `check`; drop those first.
        """
        reasons = self.check(column)
        refused = len(reasons) - reasons.null_count
        if refused:
            first = pc.index(reasons.is_valid(), True).as_py()
            raise DataError("convert", self.subject, f"{refused} of {len(column)} rows can't be encoded; row {first} "
                            f"{reasons[first].as_py()}", "drop the rows to which check() gives a reason")
        return self.pack(column)

    @abstractmethod
    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        """(n, *shape) of `dtype`; may be a read-only view of Arrow's memory."""

    def tensor(self, column: pa.Array) -> npt.NDArray[Any]:
        """What the model sees of a table's column: the very road through Parquet, without the file."""
        return self.decode(self.encode(column))

    def tally(self, column: pa.Array) -> dict[str, int]:
        """What `learnt` needs to know of some good rows: whole numbers, so that parts add up alike in any order.

        With `learns_first` it is called before anything is learnt, else of the rows that are written.
        """
        return {}

    def learnt(self: Self, values: Mapping[str, Any]) -> Self:
        """A copy that holds the statistics made of the summed `tally`s of the train split."""
        return self

    def idle(self) -> Iterator[tuple[str, str]]:
        """The settings given that change nothing beside the others: key, and what it is for. Asked of what a workload
        declares, never of what an older dataset holds."""
        return iter(())

    def differing(self, *keys: str) -> list[str]:
        """Those of the keys whose value isn't the default one."""
        return [key for key in keys if getattr(self, key) != type(self).model_fields[key].default]

    def drawing(self, value: Any) -> Drawing | None:
        """One decoded value for people to look at; None where its caption says all."""
        return None

    def caption(self, value: Any) -> str:
        """One decoded value in a few words; empty where there is nothing to say beside its drawing."""
        return ""

    @property
    def subject(self) -> str:
        """How errors name it."""
        named = ", ".join(map(repr, self.columns))
        return f"{self.kind} feature of {'column' if len(self.columns) == 1 else 'columns'} {named}"

    def wrong_type(self, column: pa.Array, expected: str) -> DataError:
        """The error for a column that can't hold this feature."""
        seconds = ' (to "decimal(20,6)", which is its seconds)' if pa.types.is_duration(column.type) else ""
        return DataError("convert", self.subject, f"got a column of {column.type}, expected {expected}",
                         f"cast the column in the clean stage{seconds}, or name another column")


def learnt_fields(feature: Feature) -> set[str]:
    """The fields that convert fills, by what stands under them; nobody sets them."""
    return {name for name, field in type(feature).model_fields.items()
            if (field.description or "").startswith("Learnt by convert.")}


class Scalar(Feature):
    """A feature with one value a row."""

    @property
    def shape(self) -> tuple[int, ...]:
        return ()


def reasons(rows: int, *findings: tuple[npt.NDArray[np.bool_], str | pa.Array]) -> pa.Array:
    """One string or null a row: the first finding whose mask (rows,) marks it. A text may vary by row; where it is null
    itself, as one that was joined with a null is, the marked row is refused all the same."""
    result = pa.nulls(rows, pa.string())
    for mask, text in findings:
        if mask.any():
            told = pc.coalesce(text, "holds a null")
            result = pc.coalesce(result, pc.if_else(pa.array(mask), told, pa.scalar(None, pa.string())))
    return result


def nulls(column: pa.Array) -> npt.NDArray[np.bool_]:
    """(n,) True where the row is null."""
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)
