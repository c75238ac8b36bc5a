"""Steps of several channels a row: windows of a series, lists of events.

    features:
      history: {kind: sequence, columns: [past.HUFL, past.HULL], shape: [96, 2]}
      visits: {kind: sequence, column: visits, shape: [20, 3], pad: before, mask: true}

float32, each channel scaled apart by what the train split taught.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, model_validator

from laketrain.features.base import Storage, nulls, reasons
from laketrain.features.codecs.ndarray import decode_ndarrays
from laketrain.features.numeric import Floats, as_tuple, check_arrays, flat_values, numbers_of, too_large, uneven
from laketrain.features.vector import NumericArray


class TimeSeries(NumericArray):
    """Steps of several channels, such as the windows that convert cuts: (steps, channels) float32."""

    kind: Literal["sequence"] = "sequence"
    role: Literal["input", "target"] = "input"
    """What it is for."""
    column_names: Annotated[tuple[str, ...] | None, BeforeValidator(as_tuple)] = Field(default=None, alias="columns",
                                                                                min_length=1)
    """The table's columns of arrays, a channel each; instead of `column`."""
    size: Annotated[tuple[int, int], BeforeValidator(as_tuple)] = Field(alias="shape")
    """Steps and channels, e.g. [96, 7]. Without `columns`, the column holds arrays of arrays, or of steps × channels
    numbers."""
    pad: Literal["none", "before", "after"] = "none"
    """Where a row with fewer steps is filled with zeros, which scaling leaves alone; `before` keeps the last steps of a
    row with more of them, `after` the first. By default a row must have just as many."""
    mask: bool = False
    """With `pad`: one channel more, 1 in the steps that a row has and 0 in those that are padding."""

    @model_validator(mode="after")
    def _fits(self) -> TimeSeries:
        if min(self.size) < 1:
            raise ValueError(f"`shape` has at least one step and one channel; got {list(self.size)}")
        if self.column_names and len(self.column_names) != self.channels:
            raise ValueError(f"`shape` says {self.channels} channels, and `columns` names {len(self.column_names)}")
        if self.mask and self.pad == "none":
            raise ValueError("`mask` tells steps from padding, so it goes with `pad: before` or `pad: after`")
        if self.role == "target" and self.pad != "none":
            raise ValueError("a target is not padded: a model would learn the padding as if it were true",
                             "Leave `pad` out: rows of other than these steps are quarantined")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return self.column_names or (self.column,)

    @property
    def steps(self) -> int:
        """Of every row, padding and all."""
        return self.size[0]

    @property
    def channels(self) -> int:
        """Of the data, without the mask."""
        return self.size[1]

    @property
    def width(self) -> int:
        return self.channels

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.steps, self.channels + self.mask)

    def storage(self, name: str) -> Storage:
        return Storage(name, self.dtype.name, self.size, self.codec)

    def check(self, column: pa.Array) -> pa.Array:
        parts = self._parts(column)
        each = 1 if self.column_names else self.channels
        found = pa.nulls(len(column), pa.string())
        for name, part in zip(self.columns, parts, strict=True):
            why = self._check_part(part, each)
            named = pc.binary_join_element_wise(f"in {name!r}", why, " ") if self.column_names else why
            found = pc.coalesce(found, named)
        lengths = [flat_values(self, part)[0] for part in parts]
        uneven = np.any([one != lengths[0] for one in lengths], axis=0)
        return pc.coalesce(found, reasons(len(column), (uneven, "has columns of different lengths")))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        values = decode_ndarrays(stored, np.float32, self.size)
        scaled = values if self.learnt_scale is None else self.learnt_scale.apply(values).astype(np.float32)
        if self.pad == "none":
            return scaled
        real = ~np.isnan(values[..., :1])
        shown = np.where(real, scaled, np.float32(0))
        return np.concatenate([shown, real.astype(np.float32)], axis=-1) if self.mask else shown

    def _check_part(self, part: pa.Array, each: int) -> pa.Array:
        """The reasons of one column, whose steps have `each` numbers."""
        if self.pad == "none":
            said = f"{self.steps}×{each}" if each > 1 else str(self.steps)
            return check_arrays(self, part, self.steps * each, said, width=each)
        lengths, flat = flat_values(self, part)
        odd = pc.binary_join_element_wise("has ", pa.array(lengths).cast(pa.string()),
                                          f" numbers, expected whole steps of {each}", "")
        values = numbers_of(flat)
        row = np.repeat(np.arange(len(part)), lengths)
        broken = np.bincount(row, ~np.isfinite(values) | too_large(values), len(part)) > 0
        return reasons(len(part), (nulls(part), "is null"), (lengths % each != 0, odd),
                       (uneven(part, each), f"has a null or uneven array within, expected whole steps of {each}"),
                       (broken, "has a null, NaN, infinite or too large value among its numbers"))

    def _values(self, column: pa.Array) -> Floats:
        """(n, steps, channels), NaN in the padding."""
        each = 1 if self.column_names else self.channels
        parts = [self._part(part, each) for part in self._parts(column)]
        return np.concatenate(parts, axis=-1)

    def _part(self, part: pa.Array, each: int) -> Floats:
        """(n, steps, each) of one column that `check` has passed."""
        lengths, flat = flat_values(self, part)
        values = numbers_of(flat).reshape(-1, each)
        if self.pad == "none":
            return values.reshape(len(part), self.steps, each)
        own = lengths // each
        row = np.repeat(np.arange(len(part)), own)
        place = np.arange(len(row)) - np.repeat(np.cumsum(own) - own, own)
        if self.pad == "before":
            place += np.repeat(self.steps - own, own)
        kept = (place >= 0) & (place < self.steps)
        out = np.full((len(part), self.steps, each), np.nan)
        out[row[kept], place[kept]] = values[kept]
        return out

    def _parts(self, column: pa.Array) -> list[pa.Array]:
        return [column] if len(self.columns) == 1 else list(column.flatten())
