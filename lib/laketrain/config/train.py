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
    learning_rate: float = Field(default=0.001, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    momentum: float | None = Field(default=None, ge=0, lt=1)
    weight_decay: float | None = Field(default=None, ge=0)
    clipnorm: float | None = Field(default=None, gt=0)
    global_clipnorm: float | None = Field(default=None, gt=0)

    @field_validator("momentum")
    @classmethod
    def _momentum_of_sgd(cls, momentum: float | None, info: Any) -> float | None:
        if momentum is not None and info.data.get("name") not in ("sgd", "rmsprop"):
            raise ValueError(f"optimizer {info.data.get('name')!r} takes no momentum; sgd and rmsprop do")
        return momentum


class Augment(Section):
    """Random views of the training images, each bound symmetric: `rotate` in degrees, `zoom` as a fraction of the
    size, `shift` in pixels, `shear` as pixels aside per pixel down."""

    rotate: float = Field(default=0.0, ge=0, le=180)
    zoom: float = Field(default=0.0, ge=0, lt=1)
    shift: float = Field(default=0.0, ge=0)
    shear: float = Field(default=0.0, ge=0, le=1)


class Train(Section):
    """Training by `ranks` processes that see the same global batches as one would.

    `batch` is the global batch. `lanes` are the intervals of the split that make up a batch (see docs/data-plane.md);
    `ranks` must divide them. `deadline_s` is how long a rank may go without a step before all are stopped.
    """

    model: dict[str, Any]
    split: SplitName = "train"
    validation: SplitName | None = "val"
    epochs: int = Field(default=10, ge=1)
    batch: int = Field(default=64, ge=1)
    lanes: int | Literal["auto"] = "auto"
    ranks: int = Field(default=1, ge=1)
    optimizer: Optimizer = Optimizer()
    loss: Literal["sparse_categorical_crossentropy"] = "sparse_categorical_crossentropy"
    metrics: list[Literal["accuracy"]] = Field(default=["accuracy"])
    augment: Augment | None = None
    seed: int = Field(default=0, ge=0)
    checkpoint_epochs: int = Field(default=1, ge=1)
    max_restarts: int = Field(default=1, ge=0)
    deadline_s: float = Field(default=600.0, gt=0)
    shuffle_window_mb: float = Field(default=256.0, gt=0)


Bound = Annotated[str, StringConstraints(pattern=r"^(>=|<=|>|<) *[0-9]+(\.[0-9]+)?$")]


GatedMetric = Literal["accuracy", "macro_precision", "macro_recall", "macro_f1", "loss"]


class Evaluate(Section):
    """The committed model on rows that it never saw, beside baselines; below the gate the run fails."""

    split: SplitName = "test"
    baselines: list[Literal["majority", "linear"]] = Field(default=["majority", "linear"])
    gate: dict[GatedMetric, Bound] = Field(default_factory=dict)
    worst: int = Field(default=24, ge=0, le=500)


class Predict(Section):
    """Scores every row of the clean or integrated table `table` with the committed model."""

    table: Name
    name: Name | None = None
    batch: int = Field(default=512, ge=1)
    keep: list[str] = Field(default_factory=list)
