"""Losses and metrics of a training.

    loss: auto                                             # the default of each target
    loss: {name: huber, delta: 2.0}
    loss: {kind: {name: focal, weight: 0.5}, price: mse}   # by target
    metrics: [accuracy, top_5_accuracy]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from laketrain.config.base import Section, UserCode
from laketrain.config.vocabulary import Vocabulary

T = TypeVar("T")

EVERY = "*"
"""Instead of a target's name: all targets that aren't named."""

LOSSES = Vocabulary("auto", "crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy", "focal", "mse",
                    "mae", "huber", "log_cosh", "quantile", "poisson")
METRICS = Vocabulary("auto", "accuracy", "top_3_accuracy", "top_5_accuracy", "auc", "precision", "recall", "mae", "mse",
                     "rmse", "r2")
LossName = Annotated[str, AfterValidator(LOSSES.check)]
MetricName = Annotated[str, AfterValidator(METRICS.check)]
_SETTINGS = {
    "label_smoothing": ("crossentropy", "sparse_categorical_crossentropy", "binary_crossentropy", "auto"),
    "delta": ("huber",), "gamma": ("focal",), "alpha": ("focal",), "quantile": ("quantile",)}
"""Settings that only some losses have, each with those losses."""


class Loss(Section):
    """The loss of a target: a number for each row, averaged over all rows of the global batch."""

    former: ClassVar[dict[str, str]] = {
        "from_logits": "It is a setting of your own model: model: {use: 'module:function', from_logits: true}"}

    name: LossName = "auto"
    """`auto` is crossentropy for a label, binary_crossentropy for several labels, mse for values and sequences."""
    use: UserCode | None = None
    """Your own loss instead, as `module:function`. The function receives targets and predictions as TensorFlow tensors
    and returns a number for each row."""
    weight: float = Field(default=1.0, ge=0)
    """The factor of this loss in the sum of all targets' losses."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Of crossentropies: label smoothing, i.e. the probability that is spread over all classes (Szegedy and others
    2016)."""
    delta: float = Field(default=1.0, gt=0)
    """Of huber: the error above which the loss is linear."""
    gamma: float = Field(default=2.0, ge=0)
    """Of focal: the focusing parameter, i.e. how much less well-classified rows count (Lin and others 2017)."""
    alpha: float = Field(default=0.25, ge=0, le=1)
    """Of focal: the weight of the true class."""
    quantile: float = Field(default=0.5, gt=0, lt=1)
    """Of quantile: the quantile that is predicted, i.e. the share of values below the prediction."""

    @model_validator(mode="after")
    def _check_settings(self) -> Loss:
        if self.use is not None and (others := [key for key in ("name", *_SETTINGS) if self._is_set(key)]):
            raise ValueError(f"`use` is a loss of your own, which doesn't get {', '.join(others)}",
                             "Remove them, or implement them in the function")
        for key in self.unsupported_settings(self.name):
            raise ValueError(f"loss {self.name!r} has no {key}; it is a setting of {', '.join(_SETTINGS[key])}",
                             f"Choose such a loss, or remove '{key}'")
        return self

    def unsupported_settings(self, name: str) -> list[str]:
        """The settings that are set but that the loss `name` doesn't have. A plugin's loss may have any."""
        if LOSSES.is_added(name):
            return []
        return [key for key, names in _SETTINGS.items() if self._is_set(key) and name not in names]

    def _is_set(self, key: str) -> bool:
        return bool(getattr(self, key) != type(self).model_fields[key].default)


def _is_loss(value: dict[str, Any]) -> bool:
    """Whether a mapping contains the settings of a loss, and not losses by target. A target may have the name of a
    setting, e.g. `weight`."""
    by_name = any(isinstance(inner, dict | Loss)
                or (key not in ("name", "use") and isinstance(inner, str) and inner in LOSSES)
                for key, inner in value.items())
    return not by_name and bool(value.keys() & (Loss.model_fields.keys() | Loss.former.keys()))


def _losses(value: Any) -> Any:
    if isinstance(value, str):
        return {EVERY: {"name": value}}
    if isinstance(value, Loss) or (isinstance(value, dict) and _is_loss(value)):
        return {EVERY: value}
    if isinstance(value, dict):
        return {target: {"name": loss} if isinstance(loss, str) else loss for target, loss in value.items()}
    return value


def _metrics(value: Any) -> Any:
    return {EVERY: value} if isinstance(value, list) else value


Losses = Annotated[dict[str, Loss], BeforeValidator(_losses)]
Metrics = Annotated[dict[str, list[MetricName]], BeforeValidator(_metrics)]


def by_target(declared: Mapping[str, T], targets: Iterable[str]) -> dict[str, T]:
    """The declared value of each target, in the targets' order; targets without one are left out."""
    return {name: declared[key] for name in targets if (key := name if name in declared else EVERY) in declared}
