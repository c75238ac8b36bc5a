"""Training, evaluation and prediction.

    train: {model: {name: cnn}, epochs: 12, batch: 64, optimizer: {name: adam, learning_rate: 0.001}, ranks: 2}
    evaluate: {split: test, gate: {accuracy: ">= 0.95"}}
    predict: {table: unlabelled}
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from laketrain.config.base import Name, Section, SplitName

OptimizerName = Literal["adam", "adamw", "sgd", "rmsprop"]


class Optimizer(Section):
    """A Keras optimizer. The learning rate is the one used, whatever the number of ranks; `cosine` lets it fall to
    zero over the whole training (Loshchilov and Hutter 2017)."""

    name: OptimizerName = "adam"
    """Which one, with Keras' own settings for all that isn't said here."""
    learning_rate: float = Field(default=0.001, gt=0)
    """The rate of the first step, and of all with `schedule: constant`. The default is that of Keras for adam."""
    schedule: Literal["constant", "cosine"] = "constant"
    """How the rate goes on: it stays, or falls to zero over the whole training as half a cosine."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """Of sgd and rmsprop alone: the share of the last step that goes into this one; by default 0."""
    weight_decay: float | None = Field(default=None, ge=0)
    """The share, times the rate, that weights lose at each step; by default what Keras does (0.004 for adamw)."""
    clipnorm: float | None = Field(default=None, gt=0)
    """The norm to which the gradient of each variable is cut; by default none is cut."""
    global_clipnorm: float | None = Field(default=None, gt=0)
    """The norm to which the gradients of all variables together are cut; by default none is."""

    @field_validator("momentum")
    @classmethod
    def _momentum_of_sgd(cls, momentum: float | None, info: Any) -> float | None:
        if momentum is not None and info.data.get("name") not in ("sgd", "rmsprop"):
            raise ValueError(f"optimizer {info.data.get('name')!r} takes no momentum; sgd and rmsprop do")
        return momentum


class Augment(Section):
    """Random views of the training images. Each bound is symmetric, and 0 leaves that motion out."""

    rotate: float = Field(default=0.0, ge=0, le=180)
    """Degrees to either side."""
    zoom: float = Field(default=0.0, ge=0, lt=1)
    """Larger or smaller by this fraction of the size."""
    shift: float = Field(default=0.0, ge=0)
    """Pixels, in both directions."""
    shear: float = Field(default=0.0, ge=0, le=1)
    """Pixels aside per pixel down."""


class Cache(Section):
    """Decoded images of the dataset on each machine's own disk: for compressed images that are read in many epochs."""

    folder: str = Field(pattern=r"^/")
    """Its absolute path. What lies there is used by later trainings of the same dataset; remove it when you like."""
    gb: float = Field(default=20.0, gt=0)
    """What it may hold, in GiB; when it is full, the rest is decoded in each epoch."""


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
    ranks: int = Field(default=1, ge=1)
    """Processes that train together, each a task of Spark. They divide the lanes, and Spark must have so many slots."""
    optimizer: Optimizer = Optimizer()
    """How weights follow their gradients."""
    loss: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"
    """What is made small."""
    class_weights: Literal["balanced"] | None = None
    """`balanced` lets each class count alike in the loss of the train split, however many rows it has; by default each
    row counts alike."""
    metrics: list[Literal["accuracy"]] = Field(default=["accuracy"])
    """What is measured in each epoch beside the loss."""
    augment: Augment | None = None
    """Random views of the images, of the training split alone; by default they are seen as they are."""
    seed: int = Field(default=0, ge=0)
    """Weights, order, views and random layers start from it. The default is any fixed number."""
    checkpoint_epochs: int = Field(default=1, ge=1)
    """Epochs from one checkpoint to the next; what a killed run loses at most."""
    max_restarts: int = Field(default=1, ge=0)
    """How often the ranks are launched again, from the last checkpoint, when one of them died."""
    deadline_s: float = Field(default=600.0, gt=0)
    """Seconds that a rank may go without a step before all are stopped; the default leaves time for a slow compile."""
    cache: Cache | None = None
    """Where decoded images are kept; by default they are decoded in each epoch."""
    shuffle_window_mb: float = Field(default=256.0, gt=0)
    """Memory in MB, of all ranks together, for the decoded rows that are shuffled together; more mixes better."""


Bound = Annotated[str, StringConstraints(pattern=r"^(>=|<=|>|<) *[0-9]+(\.[0-9]+)?$")]


GatedMetric = Literal["accuracy", "macro_precision", "macro_recall", "macro_f1", "loss"]


class Evaluate(Section):
    """The committed model on rows that it never saw, beside baselines; below the gate the run fails."""

    split: SplitName = "test"
    """The split that is measured."""
    baselines: list[Literal["majority", "linear"]] = Field(default=["majority", "linear"])
    """What stands beside the model: always saying the most frequent class, and a linear model of the inputs."""
    gate: dict[GatedMetric, Bound] = Field(default_factory=dict)
    """Bounds that the model must keep, by metric; by default it passes."""
    worst: int = Field(default=24, ge=0, le=500)
    """How many of the worst mistakes the report shows."""


class Predict(Section):
    """Scores every row of the clean or integrated table `table` with the committed model."""

    table: Name
    """The integrated table whose rows are scored or, where there is none of that name, the clean one."""
    name: Name | None = None
    """What the predictions are called in the lake; by default as the table is."""
    batch: int = Field(default=512, ge=1)
    """Rows that the model sees at once; it changes speed and memory, nothing else."""
    keep: list[str] = Field(default_factory=list)
    """Columns of the table that stand beside the predictions."""
