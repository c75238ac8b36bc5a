"""Training.

    train: {model: {name: cnn}, epochs: 12, batch: 64, optimizer: {name: adam, learning_rate: 0.001}, ranks: 2}
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from laketrain.config.augment import Augment
from laketrain.config.base import Section, SplitName, UserCode
from laketrain.config.lanes import auto_lanes
from laketrain.config.loss import EVERY, Loss, Losses, Metrics
from laketrain.config.optimizer import Optimizer


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


def _as_many(value: Any) -> Any:
    if isinstance(value, dict | Ranks):
        return value
    if type(value) is not int or value < 1:
        raise ValueError(f"received {value!r}, expected a whole number from 1, or min and max")
    return {"min": value, "max": value}


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


class Plateau(Section):
    """The learning rate falls after `patience` epochs in a row that didn't better `monitor`."""

    patience: int = Field(default=3, ge=1)
    """Epochs without a better value."""
    factor: float = Field(default=0.3, gt=0, lt=1)
    """By what the rate is multiplied."""
    min_delta: float = Field(default=0.0, ge=0)
    """By how much a value must be better to count."""
    least: float = Field(default=0.0, ge=0)
    """The rate below which it doesn't fall, as a fraction of the first one."""


class Again(Section):
    """Training begins again on a new dataset as soon as one of these is so; until then the latest model stands."""

    rows: float | None = Field(default=None, gt=0)
    """The split that is learnt from has grown by this share: 0.1 for a tenth more rows."""
    days: float | None = Field(default=None, gt=0)
    """The model is so many days old."""
    drift: Literal["some", "strong"] | None = None
    """A column of the table that the dataset is made from has drifted so much, by its profile."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> Again:
        if self.rows is None and self.days is None and self.drift is None:
            raise ValueError("received none of rows, days and drift: a model would never be trained again")
        return self


class Train(Section):
    """Training by `ranks` processes that see the same global batches as one would."""

    # Parsed by the zoo, which knows the models and may not be imported here.
    model: dict[str, Any]
    """The model of the zoo, by its `name`, and its settings."""
    split: SplitName = "train"
    """The split that is learnt from."""
    validation: SplitName | None = "val"
    """The split that is measured after each epoch; null for none."""
    epochs: int = Field(default=10, ge=1)
    """How often every row is seen."""
    batch: int = Field(default=64, ge=1)
    """Rows of one step, of all ranks together."""
    lanes: int | Literal["auto"] = "auto"
    """The intervals of the split that make up a batch. They divide `batch`; `auto` is 16, or the largest number below
    that divides it."""
    ranks: Annotated[Ranks, BeforeValidator(_as_many)] = Ranks(min=1, max=1)
    """Processes that train together, each a task of Spark: a number, or `{min: 2, max: 8}` for as many as Spark has
    slots for. They divide the lanes."""
    scaling: Scaling = Scaling()
    """What grows with the ranks; by default nothing does."""
    optimizer: Optimizer = Optimizer()
    """How weights follow their gradients."""
    loss: Losses = Field(default={EVERY: Loss()})
    """What is made small: a name, its settings, or one of them by target."""
    regularise: Regularise | None = None
    """Penalties on the kernels of all layers, as a part of the loss; by default none."""
    class_weights: Literal["balanced"] | None = None
    """`balanced` lets each class count alike in the loss of the train split, however many rows it has; by default each
    row counts alike."""
    metrics: Metrics = Field(default={EVERY: ["auto"]})
    """What is measured in each epoch beside the loss: a list, or one by target. `auto` is accuracy for labels and mae
    for values."""
    monitor: str = "auto"
    """The metric by which epochs are judged; `auto` is `val_loss`, or `loss` without a validation split."""
    keep: Literal["best", "last"] = "best"
    """Which epoch's model is committed: the best by `monitor`, where there is a validation split, or the last."""
    early_stopping: EarlyStopping | None = None
    """Ends training where it no longer helps; by default all epochs are trained."""
    plateau: Plateau | None = None
    """Lowers the learning rate where training no longer helps; by default only the schedule does."""
    precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """The type that layers compute in; weights stay float32. `auto` is bfloat16 where the machine is fast at it and the
    first loss is the same, else float32."""
    again: Again | None = None
    """When new data are reason to train again; by default any change of the dataset is."""
    init_from: str | None = None
    """The model whose weights training begins with: `models/<name>`, one version of it as `models/<name>@3`, or the URL
    of a `.keras` file. Layers of the same name and shape take them, the others begin anew."""
    freeze: list[str] = Field(default_factory=list)
    """Patterns such as `block_*`: layers whose name fits stay as they are."""
    callbacks: list[UserCode] = Field(default_factory=list)
    """Your own, as `module:function`: each gives a Keras callback; the chief's rank calls it."""
    step: UserCode | None = None
    """Your own train step, as `module:function`, of (model, inputs, targets, weights) to the loss of this rank's rows;
    it applies `model.optimizer` itself. By default it is ours."""
    augment: Augment | None = None
    """Random views of the images, of the training split alone; by default they are seen as they are."""
    seed: int = Field(default=0, ge=0)
    """Weights, order, views and random layers start from it. The default is any fixed number."""
    checkpoint_epochs: int = Field(default=1, ge=1)
    """Epochs from one checkpoint to the next; what a killed run loses at most."""
    checkpoint_steps: int | None = Field(default=None, ge=1)
    """Steps from one checkpoint to the next, for long epochs; by default only the ends of epochs have one."""
    checkpoints: int = Field(default=2, ge=1)
    """How many of the newest checkpoints are kept, beside that of the best epoch."""
    max_restarts: int = Field(default=1, ge=0)
    """How often the ranks are launched again, from the last checkpoint, when one of them died."""
    deadline_s: float = Field(default=600.0, gt=0)
    """Seconds that a rank may go without a step before all are stopped; the default leaves time for a slow compile."""
    cache: Cache | None = None
    """Where decoded images are kept; by default they are decoded in each epoch."""
    shuffle_window_mb: float = Field(default=256.0, gt=0)
    """Memory in MB, of all ranks together, for the decoded rows that are shuffled together; more mixes better."""

    @field_validator("init_from")
    @classmethod
    def _names_a_model(cls, source: str | None) -> str | None:
        if source is not None and not re.search(r"^models/[^/@]+(@[1-9][0-9]*)?$|\.keras$", source):
            raise ValueError(f"received {source!r}, which is no model of the lake and no file that ends in .keras",
                             "Write models/<name>, models/<name>@<number> or the URL of a .keras file")
        return source

    @model_validator(mode="after")
    def _scaled_by_one_number(self) -> Train:
        if self.scaling != Scaling() and self.ranks.min != self.ranks.max:
            raise ValueError("`scaling` makes results depend on the ranks: give one number of `ranks`, not min and max")
        return self

    @property
    def calls(self) -> dict[str, str]:
        """The user's own functions that are named here beside the model's, by the key that names them."""
        named = {loss.use: "loss" for loss in self.loss.values() if loss.use}
        return named | dict.fromkeys(self.callbacks, "callbacks") | ({self.step: "step"} if self.step else {})

    @property
    def keeps_best(self) -> bool:
        """Whether the model of the best epoch is committed: without a validation split there is no telling."""
        return self.keep == "best" and self.validation is not None

    @property
    def lane_count(self) -> int:
        """The lanes of a batch: as declared, or chosen for the batch. They never depend on the ranks."""
        return auto_lanes(self.batch) if self.lanes == "auto" else self.lanes

    def on(self, ranks: int) -> Train:
        """As this number of ranks trains: batch and learning rate are those of a step of all of them."""
        batch = self.batch * ranks if self.scaling.batch == "linear" else self.batch
        factor = {"none": 1.0, "linear": float(ranks), "sqrt": math.sqrt(ranks)}[self.scaling.rate]
        rate = self.optimizer.learning_rate * factor
        return self.model_copy(update={
            "batch": batch, "ranks": Ranks(min=ranks, max=ranks),
            "optimizer": self.optimizer.model_copy(update={"learning_rate": rate}), "scaling": Scaling()})
