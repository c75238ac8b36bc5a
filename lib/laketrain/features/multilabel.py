"""Several classes a row: lists of names, or text with a separator, as zeros and ones.

    features:
      tags: {kind: multilabel, column: tags, names: [sport, politics, science]}
      genres: {kind: multilabel, column: genres, names: [comedy, drama], separator: "|"}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from laketrain.features.base import Codec, Target, nulls, reasons
from laketrain.features.codecs.ndarray import decode_ndarrays, encode_ndarrays
from laketrain.features.label import distinct_names


class MultilabelStatistics(BaseModel):
    """Rows with each class, and all rows, of the train split."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    having: Annotated[tuple[int, ...], BeforeValidator(tuple)]
    rows: int


class Multilabel(Target):
    """(classes,) uint8 zeros and ones, in the order of `names`. A row may have no class."""

    codec: ClassVar[Codec] = "ndarray"

    kind: Literal["multilabel"] = "multilabel"
    role: Literal["target", "input"] = "target"
    """Whether it is a target or an input of the model."""
    names: Annotated[tuple[str, ...], BeforeValidator(distinct_names)] = Field(min_length=1)
    """The classes, in the order of the tensor; a row with another class is refused."""
    separator: str | None = Field(default=None, min_length=1)
    """The separator of names in a column of text; without it the column has arrays of text."""
    statistics: MultilabelStatistics | None = None
    """Fitted by convert."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def class_labels(self) -> tuple[str, ...]:
        return self.names

    @property
    def train_class_counts(self) -> tuple[int, ...] | None:
        return None if self.statistics is None else self.statistics.having

    def class_counts(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        return np.asarray(values.sum(axis=0, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.binary()

    def check(self, column: pa.Array) -> pa.Array:
        row, index, texts = self._names(column)
        empty = np.zeros(len(column), np.bool_)
        empty[row[nulls(texts)]] = True
        unknown = index < 0
        first = np.full(len(column), -1, np.int64)
        first[row[unknown][::-1]] = np.flatnonzero(unknown)[::-1]
        text = pc.binary_join_element_wise("has '", texts.take(pa.array(np.maximum(first, 0))) if len(texts) else "",
                                           f"', not one of the {len(self.names)} names", "")
        return reasons(len(column), (nulls(column), "is null"), (empty, "has a null among its names"),
                       (first >= 0, text))

    def pack(self, column: pa.Array) -> pa.Array:
        row, index, _ = self._names(column)
        hot = np.zeros((len(column), len(self.names)), np.uint8)
        hot[row, index] = 1
        return encode_ndarrays(hot)

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        return decode_ndarrays(stored, np.uint8, self.shape)

    def tally(self, column: pa.Array) -> dict[str, int]:
        having = self.decode(self.pack(column)).sum(axis=0, dtype=np.int64)
        return {"rows": len(column), **{str(index): int(count) for index, count in enumerate(having)}}

    def fit(self, values: Mapping[str, Any]) -> Multilabel:
        having = tuple(int(values.get(str(index), 0)) for index in range(len(self.names)))
        statistics = MultilabelStatistics(having=having, rows=int(values.get("rows", 0)))
        return self.model_copy(update={"statistics": statistics})

    def caption(self, value: Any) -> str:
        return ", ".join(name for name, has in zip(self.names, value, strict=True) if has)

    def _names(self, column: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], pa.Array]:
        """Of every name in the column: its row, its index in `names` or -1, and its text."""
        kind = column.type
        if self.separator is not None:
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise self.wrong_type(column, f"text with {self.separator!r} between names")
            filled = pc.if_else(pc.equal(column, ""), pa.scalar(None, kind), column)
            lists = pc.split_pattern(filled.cast(pa.string()), self.separator)
        else:
            if not ((pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_string(kind.value_type)):
                raise self.wrong_type(column, "arrays of text, or text and a `separator`")
            lists = column
        texts = pc.utf8_trim_whitespace(pc.list_flatten(lists).cast(pa.string()))
        lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), 0), np.int64)
        index = pc.fill_null(pc.index_in(texts, value_set=pa.array(self.names)), -1)
        return np.repeat(np.arange(len(column)), lengths), np.asarray(index, np.int64), texts
