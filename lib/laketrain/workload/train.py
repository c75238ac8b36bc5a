"""The training.

    train: {model: {name: cnn}, epochs: 12, batch: 64, optimizer: {name: adam, learning_rate: 0.001}, ranks: 2}
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_serializer, field_validator, model_validator

from laketrain.config.augment import Augment
from laketrain.config.base import Section, SplitName, UserCode
from laketrain.config.loss import EVERY, Loss, Losses, Metrics
from laketrain.config.optimizer import Optimizer
from laketrain.config.train import Cache, EarlyStopping, Ranks, ReduceLrOnPlateau, Regularise, RetrainWhen, Scaling
from laketrain.models import DeclaredModel
from laketrain.models.base import Model


def _as_many(value: Any) -> Any:
    if isinstance(value, dict | Ranks):
        return value
    if type(value) is not int or value < 1:
        raise ValueError(f"received {value!r}, expected a whole number from 1, or min and max")
    return {"min": value, "max": value}


class Train(Section):
    """Training by `ranks` processes that see the same global batches as one would."""

    former: ClassVar[dict[str, str]] = {
        "again": "It is called 'retrain_when' now", "plateau": "It is called 'reduce_lr_on_plateau' now",
        "keep": "Write restore_best: true for the best epoch, false for the last"}

    model: DeclaredModel
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
    restore_best: bool = True
    """Whether the model of the best epoch by `monitor` is committed, where there is a validation split; otherwise that
    of the last epoch is."""
    early_stopping: EarlyStopping | None = None
    """Ends training where it no longer helps; by default all epochs are trained."""
    reduce_lr_on_plateau: ReduceLrOnPlateau | None = None
    """Lowers the learning rate where training no longer helps; by default only the schedule does."""
    precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """The type that layers compute in; weights stay float32. `auto` is bfloat16 where the machine is fast at it and the
    first loss is the same, else float32."""
    retrain_when: RetrainWhen | None = None
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

    @field_serializer("model")
    def _as_declared(self, model: Model) -> dict[str, Any]:
        return model.declared()

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
    def commits_best(self) -> bool:
        """Whether the model of the best epoch is committed; without a validation split the best is unknown."""
        return self.restore_best and self.validation is not None

    @property
    def lane_count(self) -> int:
        """The lanes of a batch: as declared, or 16, or the largest divisor of the batch below it. Never a matter of
        ranks."""
        if self.lanes != "auto":
            return self.lanes
        return next(lanes for lanes in range(16, 0, -1) if self.batch % lanes == 0)

    def on(self, ranks: int) -> Train:
        """As this number of ranks trains: batch and learning rate are those of a step of all of them."""
        batch = self.batch * ranks if self.scaling.batch == "linear" else self.batch
        factor = {"none": 1.0, "linear": float(ranks), "sqrt": math.sqrt(ranks)}[self.scaling.rate]
        rate = self.optimizer.learning_rate * factor
        return self.model_copy(update={
            "batch": batch, "ranks": Ranks(min=ranks, max=ranks),
            "optimizer": self.optimizer.model_copy(update={"learning_rate": rate}), "scaling": Scaling()})
