"""Images as targets, for users' own models: trained by the error of their pixels, but not evaluated or predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from laketrain.config.loss import Loss
from laketrain.features import Image
from laketrain.tasks.base import Mode, Task
from laketrain.tasks.losses import RowLoss, binary_loss, number_loss
from laketrain.tasks.training_metrics import number_metric


class ImageRegression(Task[Image]):
    """The task of targets of kind `image`."""

    name: ClassVar[str] = "image"
    kinds: ClassVar[tuple[str, ...]] = ("image",)
    default_of: ClassVar[tuple[str, ...]] = ("image",)
    losses: ClassVar[tuple[str, ...]] = ("mse", "mae", "huber", "log_cosh", "binary_crossentropy")
    training_metrics: ClassVar[Mapping[str, Mode]] = {"mae": "min", "mse": "min", "rmse": "min"}

    def row_loss(self, name: str, feature: Image, settings: Loss, from_logits: bool) -> RowLoss:
        if name == "binary_crossentropy":
            return binary_loss(name, settings, from_logits=False)
        return number_loss(name, settings)

    def training_metric(self, name: str, feature: Image) -> Any:
        return number_metric(name, feature.shape)

    def model_problem(self, name: str, feature: Image) -> tuple[str, str] | None:
        return (f"has no output for target {name!r} of kind {feature.kind}",
                "use a model of your own: model: {use: 'module:function'}")
