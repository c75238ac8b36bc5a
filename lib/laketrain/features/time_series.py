"""Time series: (steps, channels) a row, such as windows of a series or lists of events.

    features:
      history: {kind: sequence, columns: [past.HUFL, past.HULL], shape: [96, 2]}
      visits: {kind: sequence, column: visits, shape: [20, 3], pad: before, mask: true}

float32; each channel is scaled with its statistics of the train split. The kind in YAML is `sequence`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, model_validator

from laketrain.features.base import Storage, Target, nulls, reasons
from laketrain.features.codecs.ndarray import decode_ndarrays
from laketrain.features.numeric import Floats, as_tuple, check_arrays, flat_values, numbers_of, too_large, uneven
from laketrain.features.vector import NumericArray


class TimeSeries(Target, NumericArray):
    """(steps, channels) float32, such as the windows that convert cuts."""

    kind: Literal["sequence"] = "sequence"
    role: Literal["input", "target"] = "input"
    """Whether it is an input or a target of the model."""
    column_names: Annotated[tuple[str, ...] | None, BeforeValidator(as_tuple)] = Field(default=None, alias="columns",
                                                                                min_length=1)
    """The table's columns of arrays, one channel each; instead of `column`."""
    size: Annotated[tuple[int, int], BeforeValidator(as_tuple)] = Field(alias="shape")
    """Steps and channels, e.g. [96, 7]. Without `columns`, the column has arrays of arrays, or of steps × channels
    numbers."""
    pad: Literal["none", "before", "after"] = "none"
    """Whether rows are padded with (unscaled) zeros `before` or `after` their steps. Of a row with more steps, `before`
    keeps the last and `after` the first ones. By default every row must have exactly these steps."""
    mask: bool = False
    """With `pad`: one more channel, 1 in the row's steps and 0 in padding."""

    @model_validator(mode="after")
    def _check_shape(self) -> TimeSeries:
        if min(self.size) < 1:
            raise ValueError(f"`shape` needs at least one step and one channel; got {list(self.size)}")
        if self.column_names and len(self.column_names) != self.channels:
            raise ValueError(f"`shape` says {self.channels} channels, and `columns` names {len(self.column_names)}")
        if self.mask and self.pad == "none":
            raise ValueError("`mask` marks padding, so it needs `pad: before` or `pad: after`")
        if self.role == "target" and self.pad != "none":
            raise ValueError("a target can't be padded: a model would learn the padding",
                             "Remove `pad`: rows with another number of steps are then quarantined")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return self.column_names or (self.column,)

    @property
    def steps(self) -> int:
        """Steps of every row, with padding."""
        return self.size[0]

    @property
    def zeros_are_padding(self) -> bool:
        return self.mask

    @property
    def channels(self) -> int:
        """Channels without the mask."""
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
        result = pa.nulls(len(column), pa.string())
        for name, part in zip(self.columns, parts, strict=True):
            why = self._check_part(part, each)
            named = pc.binary_join_element_wise(f"in {name!r}", why, " ") if self.column_names else why
            result = pc.coalesce(result, named)
        lengths = [flat_values(self, part)[0] for part in parts]
        uneven = np.any([other != lengths[0] for other in lengths], axis=0)
        return pc.coalesce(result, reasons(len(column), (uneven, "has columns of different lengths")))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        values = decode_ndarrays(stored, np.float32, self.size)
        scaled = values if self.learnt_scale is None else self.learnt_scale.apply(values).astype(np.float32)
        if self.pad == "none":
            return scaled
        valid = ~np.isnan(values[..., :1])
        padded = np.where(valid, scaled, np.float32(0))
        return np.concatenate([padded, valid.astype(np.float32)], axis=-1) if self.mask else padded

    def _check_part(self, part: pa.Array, each: int) -> pa.Array:
        """The reasons of one column, with `each` numbers a step."""
        if self.pad == "none":
            text = f"{self.steps}×{each}" if each > 1 else str(self.steps)
            return check_arrays(self, part, self.steps * each, text, width=each)
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
        """(n, steps, each) of one column of valid rows."""
        lengths, flat = flat_values(self, part)
        values = numbers_of(flat).reshape(-1, each)
        if self.pad == "none":
            return values.reshape(len(part), self.steps, each)
        steps = lengths // each
        row = np.repeat(np.arange(len(part)), steps)
        step = np.arange(len(row)) - np.repeat(np.cumsum(steps) - steps, steps)
        if self.pad == "before":
            step += np.repeat(self.steps - steps, steps)
        kept = (step >= 0) & (step < self.steps)
        out = np.full((len(part), self.steps, each), np.nan)
        out[row[kept], step[kept]] = values[kept]
        return out

    def _parts(self, column: pa.Array) -> list[pa.Array]:
        return [column] if len(self.columns) == 1 else list(column.flatten())
