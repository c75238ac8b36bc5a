"""Settings of a training that depend neither on features nor on models: ranks, scaling, penalties, stopping, the cache.

    train: {ranks: {min: 2, max: 8}, early_stopping: {patience: 5}, regularise: {l2: 0.0001}}
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from laketrain.config.base import Section


class Cache(Section):
    """Caches decoded images on each machine's disk: for compressed images that are read in many epochs."""

    folder: str = Field(pattern=r"^/")
    """The absolute path of the cache. Later trainings on the same dataset use it too; it can be deleted at any time."""
    gb: float = Field(default=20.0, gt=0)
    """The most that it may contain, in GiB. When it is full, other images are decoded in each epoch."""


class Ranks(Section):
    """How many ranks may train together. Batches, and so results, are the same for any of these numbers."""

    min: int = Field(ge=1)
    """The fewest ranks: with fewer slots, training stops waiting for them and fails."""
    max: int = Field(ge=1)
    """The most ranks, if Spark has slots for them."""

    @model_validator(mode="after")
    def _in_order(self) -> Ranks:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


def ranks_of(lanes: int, ranks: Ranks) -> list[int]:
    """The numbers of ranks that divide `lanes`, ascending."""
    return [count for count in range(ranks.min, ranks.max + 1) if lanes % count == 0]


class Scaling(Section):
    """What grows with the number of ranks. By default the global batch and the learning rate are those of the YAML for
    any number of ranks."""

    batch: Literal["none", "linear"] = "none"
    """`linear`: `batch` is the batch of each rank, and the global batch is that times the ranks."""
    rate: Literal["none", "linear", "sqrt"] = "none"
    """Multiply the learning rate by the number of ranks (`linear`, Goyal and others 2017) or by its square root
    (`sqrt`)."""


class Regularise(Section):
    """Penalties on the kernels and embeddings of all layers (not on biases and scales)."""

    l1: float = Field(default=0.0, ge=0)
    """The factor of the sum of absolute values."""
    l2: float = Field(default=0.0, ge=0)
    """The factor of the sum of squares."""


class EarlyStopping(Section):
    """Stops training after `patience` epochs in a row without an improvement of `monitor`."""

    patience: int = Field(default=5, ge=1)
    """Epochs without an improvement."""
    min_delta: float = Field(default=0.0, ge=0)
    """The least change that counts as an improvement."""


class ReduceLrOnPlateau(Section):
    """Reduces the learning rate after `patience` epochs in a row without an improvement of `monitor`."""

    former: ClassVar[dict[str, str]] = {"least": "It is called 'min_lr_ratio' now"}

    patience: int = Field(default=3, ge=1)
    """Epochs without an improvement."""
    factor: float = Field(default=0.3, gt=0, lt=1)
    """The factor by which the rate is multiplied."""
    min_delta: float = Field(default=0.0, ge=0)
    """The least change that counts as an improvement."""
    min_lr_ratio: float = Field(default=0.0, ge=0)
    """The lowest rate, as a fraction of the initial one."""


class RetrainWhen(Section):
    """Trains on a new dataset as soon as one of these conditions holds; until then the latest model stays in use."""

    rows: float | None = Field(default=None, gt=0)
    """The train split has grown by this share: 0.1 means 10 % more rows."""
    days: float | None = Field(default=None, gt=0)
    """The model is this many days old."""
    drift: Literal["some", "strong"] | None = None
    """A column of the dataset's table has drifted this much, by its profile."""

    @model_validator(mode="after")
    def _check_any(self) -> RetrainWhen:
        if self.rows is None and self.days is None and self.drift is None:
            raise ValueError("received none of rows, days and drift: a model would never be trained again")
        return self
