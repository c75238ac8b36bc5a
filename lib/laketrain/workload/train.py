"""The section `train`.

    train: {model: {name: cnn}, epochs: 12, batch: 64, optimizer: {name: adam, learning_rate: 0.001}, ranks: 2}
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_serializer, field_validator, model_validator

from laketrain.config.augment import Augment
from laketrain.config.base import Section, SplitName, UserCode
from laketrain.config.lanes import auto_lanes
from laketrain.config.loss import EVERY, Loss, Losses, Metrics
from laketrain.config.optimizer import Optimizer
from laketrain.config.train import Cache, EarlyStopping, Ranks, ReduceLrOnPlateau, Regularise, RetrainWhen, Scaling
from laketrain.models import DeclaredModel
from laketrain.models.base import Model


def _as_range(value: Any) -> Any:
    if isinstance(value, dict | Ranks):
        return value
    if type(value) is not int or value < 1:
        raise ValueError(f"received {value!r}, expected a whole number ≥ 1, or min and max")
    return {"min": value, "max": value}


class Train(Section):
    """Training in `ranks` processes. The global batches are the same for any number of ranks."""

    former: ClassVar[dict[str, str]] = {
        "again": "It is called 'retrain_when' now", "plateau": "It is called 'reduce_lr_on_plateau' now",
        "keep": "Write restore_best: true for the best epoch, false for the last"}

    model: DeclaredModel
    """The `name` of a built-in model, or your own (`use`), and its settings."""
    split: SplitName = "train"
    """The split that the model is trained on."""
    validation: SplitName | None = "val"
    """The split that is evaluated after each epoch; null for none."""
    epochs: int = Field(default=10, ge=1)
    """The number of passes over the split."""
    batch: int = Field(default=64, ge=1)
    """The global batch size: rows per step of all ranks together."""
    lanes: int | Literal["auto"] = "auto"
    """The number of intervals of the split; a batch has as many rows of each, and a rank reads some of them. It must
    divide `batch`; `auto` is the largest divisor up to 16. The order of rows depends on it, and not on the ranks."""
    ranks: Annotated[Ranks, BeforeValidator(_as_range)] = Ranks(min=1, max=1)
    """The number of processes that train together, each in a task of Spark; or `{min: 2, max: 8}` for as many as Spark
    has slots for. It must divide `lanes`."""
    backend: Literal["auto", "horovod", "tensorflow"] = "auto"
    """What connects the ranks. `horovod` must be built for the installed TensorFlow; `tensorflow` needs nothing else
    and sends over TCP; `auto` is Horovod if all ranks have it. Results agree to float tolerance."""
    scaling: Scaling = Scaling()
    """What grows with the number of ranks; by default nothing."""
    optimizer: Optimizer = Optimizer()
    """The optimizer and its settings, as in Keras."""
    loss: Losses = Field(default={EVERY: Loss()})
    """The loss: a name or its settings, for all targets or by target."""
    regularise: Regularise | None = None
    """Penalties on the kernels of all layers, added to the loss; by default none."""
    class_weights: Literal["balanced"] | None = None
    """`balanced` weights rows so that each class has the same weight in the loss of the train split. By default each
    row has the same weight."""
    metrics: Metrics = Field(default={EVERY: ["auto"]})
    """Metrics that are computed in each epoch, in addition to the loss: a list, or a list by target. `auto` is accuracy
    for labels and mae for values."""
    monitor: str = "auto"
    """The metric that compares epochs, e.g. `val_accuracy`; `auto` is `val_loss`, or `loss` without a validation
    split."""
    restore_best: bool = True
    """Whether to commit the model of the best epoch by `monitor`. If false, or without a validation split, that of the
    last epoch is committed."""
    early_stopping: EarlyStopping | None = None
    """Stops training if `monitor` no longer improves; by default all epochs are trained."""
    reduce_lr_on_plateau: ReduceLrOnPlateau | None = None
    """Lowers the learning rate if `monitor` no longer improves; by default only the schedule changes it."""
    precision: Literal["float32", "bfloat16", "float16", "auto"] = "float32"
    """The type in which layers compute; weights stay float32. `auto` is bfloat16 if the machine computes fast in it and
    the first loss is the same, else float32."""
    retrain_when: RetrainWhen | None = None
    """When to train again on new data; by default after any change of the dataset."""
    init_from: str | None = None
    """The model whose weights initialise the training: `models/<name>`, one version of it as `models/<name>@3`, or the
    URL of a `.keras` file. Layers of the same name and shape get its weights; the others are initialised as usual."""
    freeze: list[str] = Field(default_factory=list)
    """Patterns such as `block_*`: layers whose name matches are not trained."""
    callbacks: list[UserCode] = Field(default_factory=list)
    """Your own callbacks, as `module:function`: each function returns a Keras callback, which rank 0 calls."""
    step: UserCode | None = None
    """Your own train step, as `module:name`: a subclass of `laketrain.models.train_step.TrainStep`, or a function of
    (model, inputs, targets, weights) that returns the loss of this rank's rows and applies `model.optimizer` itself. By
    default it is the model's own step if it has one, else a supervised one."""
    augment: Augment | None = None
    """Random augmentation of the images of the train split; by default none."""
    seed: int = Field(default=0, ge=0)
    """The seed of the initial weights, the order of rows, the augmentation and random layers. The default is any fixed
    number."""
    checkpoint_epochs: int = Field(default=1, ge=1)
    """Epochs between checkpoints, i.e. the most that a killed run loses."""
    checkpoint_steps: int | None = Field(default=None, ge=1)
    """Steps between checkpoints, for long epochs; by default they are written at the end of epochs only."""
    checkpoints: int = Field(default=2, ge=1)
    """How many of the newest checkpoints are kept, in addition to that of the best epoch."""
    max_restarts: int = Field(default=1, ge=0)
    """How often the ranks are restarted from the last checkpoint after one of them has died."""
    deadline_s: float = Field(default=600.0, gt=0)
    """Seconds without a step of a rank after which all are stopped; the default allows for a slow compilation."""
    cache: Cache | None = None
    """A cache of decoded images on disk; by default they are decoded in each epoch."""
    shuffle_window_mb: float = Field(default=256.0, gt=0)
    """The size of the shuffle buffer of decoded rows in MB, of all ranks together; a larger one shuffles better."""

    @field_serializer("model")
    def _as_declared(self, model: Model) -> dict[str, Any]:
        return model.declared()

    @field_validator("init_from")
    @classmethod
    def _check_init_from(cls, source: str | None) -> str | None:
        if source is not None and not re.search(r"^models/[^/@]+(@[1-9][0-9]*)?$|\.keras$", source):
            raise ValueError(f"received {source!r}, expected a model of the lake or a .keras file",
                             "Write models/<name>, models/<name>@<number> or the URL of a .keras file")
        return source

    @model_validator(mode="after")
    def _check_scaling(self) -> Train:
        if self.scaling != Scaling() and self.ranks.min != self.ranks.max:
            raise ValueError("`scaling` makes results depend on the ranks: set `ranks` to one number, not min and max")
        return self

    @property
    def calls(self) -> dict[str, str]:
        """The user's functions in this section, except the model's, each with its key."""
        named = {loss.use: "loss" for loss in self.loss.values() if loss.use}
        return named | dict.fromkeys(self.callbacks, "callbacks") | ({self.step: "step"} if self.step else {})

    @property
    def commits_best(self) -> bool:
        """Whether the model of the best epoch is committed. Without a validation split no epoch is the best."""
        return self.restore_best and self.validation is not None

    @property
    def lane_count(self) -> int:
        """The number of lanes of a batch, as declared or chosen. It doesn't depend on the ranks."""
        return auto_lanes(self.batch) if self.lanes == "auto" else self.lanes

    def on(self, ranks: int) -> Train:
        """The settings for this number of ranks, with the scaled global batch and learning rate."""
        batch = self.batch * ranks if self.scaling.batch == "linear" else self.batch
        factor = {"none": 1.0, "linear": float(ranks), "sqrt": math.sqrt(ranks)}[self.scaling.rate]
        rate = self.optimizer.learning_rate * factor
        return self.model_copy(update={
            "batch": batch, "ranks": Ranks(min=ranks, max=ranks),
            "optimizer": self.optimizer.model_copy(update={"learning_rate": rate}), "scaling": Scaling()})
