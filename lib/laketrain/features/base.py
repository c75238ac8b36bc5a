"""The base class of features: a column of a table, its bytes in Parquet, its tensor for Keras.

One class encodes and decodes, so that convert and predict agree:

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
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from laketrain.errors import DataError

Role = Literal["input", "target", "id", "weight"]
Codec = Literal["ndarray", "scalar", "png", "jpeg"]
Look = Literal["image", "heat", "curves", "text", "bars"]
Self = TypeVar("Self", bound="Feature")


@dataclass(frozen=True)
class Drawing:
    """How to draw one value: `data` is (h, w) or (h, w, c) for an image, (bands, frames) for a heat map,
    (steps, channels) for curves, (n,) for bars, a string for text."""

    look: Look
    data: Any


@dataclass(frozen=True)
class Storage:
    """Describes a stored column to another library, such as Petastorm.

    `dtype` is a NumPy dtype's name (`uint8`, `int64`, `str`). `codec` is `ndarray`, `scalar`, or for compressed images
    `png` or `jpeg`. A None in `shape` is a size that varies by row.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    codec: Codec
    nullable: bool = False


class Feature(BaseModel, ABC):
    """One feature of a dataset: declared in YAML, saved as JSON, sent to executors.

    Statistics of the train split are fields too. The docstring of each field is its description in
    docs/reference/config.md (tools/config_reference.py).
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)
    codec: ClassVar[Codec] = "scalar"
    fit_first: ClassVar[bool] = False
    """Whether `pack` needs fitted statistics: then convert reads the train split once more, before it writes."""
    is_class_index: ClassVar[bool] = False
    """Whether a decoded value is an index into `class_labels`: each row has exactly one class."""

    kind: str
    """The kind of feature; each kind is a class."""
    column: str = Field(min_length=1)
    """The table's column that it is made of; by default the column of the feature's own name."""
    role: Role
    """What it is used for."""

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
        """The table's columns that it is made of. Methods get several columns as the fields of a StructArray."""
        return (self.column,)

    @property
    def buckets(self) -> tuple[int, ...]:
        """Ascending lengths, or () if all rows have one shape. A row is stored padded to the first length that holds
        it, and a batch has rows of one bucket only. The first size of `shape` is then the last bucket."""
        return ()

    @property
    def cardinality(self) -> int | None:
        """How many different indices the decoded values can be; None where they aren't indices."""
        return None

    @property
    def class_labels(self) -> tuple[str, ...]:
        """The names of the classes, in the order of their indices; () where values aren't classes."""
        return ()

    @property
    def train_class_counts(self) -> tuple[int, ...] | None:
        """Rows of each class in the train split; None where convert hasn't counted them."""
        return None

    @property
    def zeros_are_padding(self) -> bool:
        """Whether a step of zeros is always padding."""
        return False

    def class_counts(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """(classes,) rows of each class among the decoded `values`, (n, *shape)."""
        return np.zeros(0, np.int64)

    def bucket_of(self, column: pa.Array) -> npt.NDArray[np.int64]:
        """(n,) the index in `buckets` of each row. The rows must be valid."""
        return np.zeros(len(column), np.int64)

    def for_bucket(self: Self, bucket: int) -> Self:
        """The feature with the shape of this bucket's rows."""
        return self

    @property
    def row_bytes(self) -> int:
        """Memory of one decoded row of the longest bucket."""
        return int(self.dtype.itemsize * np.prod(self.shape, dtype=np.int64))

    def storage(self, name: str) -> Storage:
        """Describes the stored column; `name` is its name in the dataset."""
        return Storage(name, self.dtype.name, self.shape, self.codec)

    @abstractmethod
    def check(self, column: pa.Array) -> pa.Array:
        """Why each row is refused, as strings; null for a valid row.

        Raises:
            DataError: the column has the wrong type.
        """

    @abstractmethod
    def pack(self, column: pa.Array) -> pa.Array:
        """The stored column of valid rows, of type `arrow_type`."""

    def encode(self, column: pa.Array) -> pa.Array:
        """Checks the rows and packs them.

        Raises:
            DataError: `check` refuses a row; drop such rows first.
        """
        reasons = self.check(column)
        refused = len(reasons) - reasons.null_count
        if refused:
            first = pc.index(reasons.is_valid(), True).as_py()
            raise DataError("convert", self.subject, f"{refused} of {len(column)} rows can't be encoded; row {first} "
                            f"{reasons[first].as_py()}", "drop the rows that check() refuses")
        return self.pack(column)

    @abstractmethod
    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        """(n, *shape) tensors of `dtype`; may be a read-only view of Arrow's memory."""

    def tensor(self, column: pa.Array) -> npt.NDArray[Any]:
        """The tensors of a table's column, encoded and decoded as through Parquet."""
        return self.decode(self.encode(column))

    def tally(self, column: pa.Array) -> dict[str, int]:
        """Partial statistics of valid rows for `fit`: integers, so that sums don't depend on the order of parts.

        With `fit_first` convert calls it before it packs rows, else with the rows that it writes.
        """
        return {}

    def fit(self: Self, values: Mapping[str, Any]) -> Self:
        """A copy with statistics, from the summed tallies of the train split."""
        return self

    def unused_settings(self) -> Iterator[tuple[str, str]]:
        """Settings that have no effect because of the others, as (key, the reason). It is for declared features, not
        for those of a saved dataset."""
        return iter(())

    def non_default(self, *keys: str) -> list[str]:
        """The keys whose value isn't the default."""
        return [key for key in keys if getattr(self, key) != type(self).model_fields[key].default]

    def drawing(self, value: Any) -> Drawing | None:
        """How to draw one decoded value; None if its caption is enough."""
        return None

    def caption(self, value: Any) -> str:
        """One decoded value as short text; empty if its drawing is enough."""
        return ""

    @property
    def subject(self) -> str:
        """Its name in errors."""
        names = ", ".join(map(repr, self.columns))
        return f"{self.kind} feature of {'column' if len(self.columns) == 1 else 'columns'} {names}"

    def wrong_type(self, column: pa.Array, expected: str) -> DataError:
        """The error for a column of the wrong type."""
        seconds = ' (to "decimal(20,6)", which is its seconds)' if pa.types.is_duration(column.type) else ""
        return DataError("convert", self.subject, f"got a column of {column.type}, expected {expected}",
                         f"cast the column in the clean stage{seconds}, or name another column")


def fitted_fields(feature: Feature) -> set[str]:
    """The fields that convert fits and no workload sets, found by their docstrings."""
    return {name for name, field in type(feature).model_fields.items()
            if (field.description or "").startswith("Fitted by convert.")}


class Target(Feature):
    """A kind of feature that a model can learn."""

    task: str | None = Field(default=None, min_length=1)
    """Of a target: the task that says how it is learnt, measured and predicted; by default that of its kind."""

    @model_validator(mode="after")
    def _task_is_of_a_target(self) -> Target:
        if self.task is not None and self.role != "target":
            raise ValueError(f"`task` is for targets, and the role is {self.role}", "Remove `task`")
        return self

    @model_serializer(mode="wrap")
    def _without_the_default_task(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out an unset task, so that fingerprints are those of features that had none."""
        fields: dict[str, Any] = serialize(self)
        if self.task is None:
            fields.pop("task", None)
        return fields


class Scalar(Feature):
    """A feature with one value a row."""

    @property
    def shape(self) -> tuple[int, ...]:
        return ()


def reasons(rows: int, *findings: tuple[npt.NDArray[np.bool_], str | pa.Array]) -> pa.Array:
    """One string or null a row: the text of the first finding whose mask, (rows,), is true.

    A text may be an array with one string a row. Where that is null, the row is refused as "holds a null".
    """
    result = pa.nulls(rows, pa.string())
    for mask, text in findings:
        if mask.any():
            text = pc.coalesce(text, "holds a null")
            result = pc.coalesce(result, pc.if_else(pa.array(mask), text, pa.scalar(None, pa.string())))
    return result


def nulls(column: pa.Array) -> npt.NDArray[np.bool_]:
    """(n,) True where the row is null."""
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False), np.bool_)
