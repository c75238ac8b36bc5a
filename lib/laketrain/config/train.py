"""Settings of a training that need neither features nor models: ranks, scaling, penalties, stopping, the cache.

    train: {ranks: {min: 2, max: 8}, early_stopping: {patience: 5}, regularise: {l2: 0.0001}}
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from laketrain.config.base import Section


class Cache(Section):
    """Decoded images of the dataset on each machine's own disk: for compressed images that are read in many epochs."""

    folder: str = Field(pattern=r"^/")
    """Its absolute path. What lies there is used by later trainings of the same dataset; remove it when you like."""
    gb: float = Field(default=20.0, gt=0)
    """What it may hold, in GiB; when it is full, the rest is decoded in each epoch."""


class Ranks(Section):
    """How many processes may train together. Batches, and so results, are the same for any of these numbers."""

    min: int = Field(ge=1)
    """The fewest: with fewer slots than that, training waits no longer and fails."""
    max: int = Field(ge=1)
    """The most, where Spark has slots for them."""

    @model_validator(mode="after")
    def _in_order(self) -> Ranks:
        if self.min > self.max:
            raise ValueError(f"min {self.min} is more than max {self.max}")
        return self


def ranks_of(lanes: int, ranks: Ranks) -> list[int]:
    """The numbers of ranks that may share so many lanes: those that divide them, the fewest first."""
    return [count for count in range(ranks.min, ranks.max + 1) if lanes % count == 0]


class Scaling(Section):
    """What grows with the number of ranks. By default a step and its rate are those of the YAML, however many ranks
    share the work."""

    batch: Literal["none", "linear"] = "none"
    """`linear`: `batch` are the rows of each rank, and a step has as many times more."""
    rate: Literal["none", "linear", "sqrt"] = "none"
    """The learning rate times the ranks (Goyal and others 2017), or times their square root."""


class Regularise(Section):
    """Penalties on the kernels and embeddings of all layers (not on biases and scales)."""

    l1: float = Field(default=0.0, ge=0)
    """Times the sum of their sizes."""
    l2: float = Field(default=0.0, ge=0)
    """Times the sum of their squares."""


class EarlyStopping(Section):
    """Training ends after `patience` epochs in a row that didn't better `monitor`."""

    patience: int = Field(default=5, ge=1)
    """Epochs without a better value."""
    min_delta: float = Field(default=0.0, ge=0)
    """By how much a value must be better to count."""


class ReduceLrOnPlateau(Section):
    """The learning rate falls after `patience` epochs in a row that didn't better `monitor`."""

    former: ClassVar[dict[str, str]] = {"least": "It is called 'min_lr_ratio' now"}

    patience: int = Field(default=3, ge=1)
    """Epochs without a better value."""
    factor: float = Field(default=0.3, gt=0, lt=1)
    """By what the rate is multiplied."""
    min_delta: float = Field(default=0.0, ge=0)
    """By how much a value must be better to count."""
    min_lr_ratio: float = Field(default=0.0, ge=0)
    """The rate below which it doesn't fall, as a fraction of the first one."""


class RetrainWhen(Section):
    """A new dataset is trained on as soon as one of these holds; until then the latest model stays in use."""

    rows: float | None = Field(default=None, gt=0)
    """The split that is learnt from has grown by this share: 0.1 for a tenth more rows."""
    days: float | None = Field(default=None, gt=0)
    """The model is so many days old."""
    drift: Literal["some", "strong"] | None = None
    """A column of the table that the dataset is made from has drifted so much, by its profile."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> RetrainWhen:
        if self.rows is None and self.days is None and self.drift is None:
            raise ValueError("received none of rows, days and drift: a model would never be trained again")
        return self
