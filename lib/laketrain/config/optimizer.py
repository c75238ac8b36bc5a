"""The optimizer and its learning rate schedule.

    optimizer: {name: adamw, learning_rate: 0.001, weight_decay: 0.01, schedule: {name: cosine, warmup: 2}}
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from laketrain.config.base import Section

OptimizerName = Literal["sgd", "adam", "adamw", "nadam", "adamax", "lamb", "lion", "rmsprop", "adagrad", "adadelta",
                        "adafactor", "ftrl"]

_MOMENTS = {"beta_1", "beta_2"}
_SPECIFIC: dict[str, set[str]] = {
    "sgd": {"momentum", "nesterov"}, "adam": {*_MOMENTS, "epsilon", "amsgrad"},
    "adamw": {*_MOMENTS, "epsilon", "amsgrad"}, "nadam": {*_MOMENTS, "epsilon"}, "adamax": {*_MOMENTS, "epsilon"},
    "lamb": {*_MOMENTS, "epsilon"}, "lion": _MOMENTS, "rmsprop": {"momentum", "rho", "epsilon", "centered"},
    "adagrad": {"epsilon"}, "adadelta": {"rho", "epsilon"}, "adafactor": set(), "ftrl": set(),
}
"""Settings that only some optimizers have."""
_SCHEDULE_SETTINGS = {"end": ("cosine", "linear"), "decay": ("exponential", "steps")}
"""Settings that only some schedules use."""


class Schedule(Section):
    """The learning rate at each step. It depends on the step only, so a resumed run continues with it."""

    name: Literal["constant", "cosine", "linear", "exponential", "steps"] = "constant"
    """`cosine` and `linear` fall to `end` over the whole training, the first as half a cosine (Loshchilov and Hutter
    2017); `exponential` is multiplied by `decay` each epoch, smoothly; `steps` by `decay` at each epoch of `at`."""
    warmup: float = Field(default=0.0, ge=0)
    """Epochs in which the rate rises linearly from 0, before the schedule begins; may be a fraction."""
    end: float = Field(default=0.0, ge=0, le=1)
    """Of cosine and linear: the final rate, as a fraction of the initial one."""
    decay: float = Field(default=0.1, gt=0, le=1)
    """Of exponential and steps: the factor by which the rate is multiplied."""
    at: list[float] = Field(default_factory=list)
    """Of steps: the epochs after which the rate falls."""

    @model_validator(mode="after")
    def _check_settings(self) -> Schedule:
        if (self.name == "steps") != bool(self.at):
            raise ValueError("`at` contains the epochs of `name: steps`: set both, or neither")
        for key, names in _SCHEDULE_SETTINGS.items():
            if getattr(self, key) != type(self).model_fields[key].default and self.name not in names:
                raise ValueError(f"schedule {self.name!r} doesn't use `{key}`; {' and '.join(names)} do",
                                 f"Remove it, or write name: {names[0]}")
        return self


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Optimizer(Section):
    """A Keras optimizer. The learning rate is the same for any number of ranks, unless `train.scaling` changes it.
    Gradients are averaged over the ranks before they are clipped."""

    former: ClassVar[dict[str, str]] = {"wire": "It is called 'gradient_dtype' now"}

    name: OptimizerName = "adam"
    """The name of the optimizer. Settings that aren't set here have Keras' defaults."""
    learning_rate: float = Field(default=0.001, gt=0)
    """The initial learning rate. The default is that of Keras for adam."""
    schedule: Annotated[Schedule, BeforeValidator(_named)] = Schedule()
    """The learning rate schedule: its name, or its settings. By default the rate is constant."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """Of sgd and rmsprop: the momentum, i.e. the share of the last step that is added to this one; by default 0."""
    nesterov: bool | None = None
    """Of sgd: whether to use Nesterov momentum (1983); needs `momentum`."""
    beta_1: float | None = Field(default=None, ge=0, lt=1)
    """Of adam and its variants: the decay of the mean gradient; by default 0.9."""
    beta_2: float | None = Field(default=None, ge=0, lt=1)
    """Of adam and its variants: the decay of the mean squared gradient; by default 0.999, of lion 0.99."""
    rho: float | None = Field(default=None, ge=0, lt=1)
    """Of rmsprop and adadelta: the decay of the mean squared gradient; by default 0.9 and 0.95."""
    epsilon: float | None = Field(default=None, gt=0)
    """A small constant that prevents division by zero; by default 1e-7."""
    amsgrad: bool | None = None
    """Of adam and adamw: divide by the largest mean square so far (AMSGrad, Reddi and others 2018)."""
    centered: bool | None = None
    """Of rmsprop: normalise gradients by their estimated variance instead of their mean square."""
    weight_decay: float | None = Field(default=None, ge=0)
    """Weights are reduced by this, times the rate, at each step; by default as in Keras (0.004 for adamw)."""
    clipvalue: float | None = Field(default=None, gt=0)
    """Clip each element of a gradient to this absolute value; by default none is clipped."""
    clipnorm: float | None = Field(default=None, gt=0)
    """Clip the norm of each variable's gradient to this; by default none is clipped."""
    global_clipnorm: float | None = Field(default=None, gt=0)
    """Clip the norm of all gradients together to this; by default none is clipped."""
    accumulate: int = Field(default=1, ge=1)
    """Gradient accumulation: average the gradients of this many batches for one step, as with a batch that many times
    larger. Batches that are left at the end of an epoch make a step of their own."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """The momentum of an exponential moving average of the weights. The committed model has the averaged weights. By
    default the weights aren't averaged."""
    layer_rates: dict[str, float] = Field(default_factory=dict)
    """Factors of the rate, by a pattern of the layer's name such as `block_*`; the first pattern that matches counts.
    By default all layers have the same rate."""
    gradient_dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """The type in which gradients are sent between ranks; a 16-bit type halves the bytes and loses precision."""

    @field_validator(*sorted({key for keys in _SPECIFIC.values() for key in keys}))
    @classmethod
    def _check_setting(cls, value: Any, info: ValidationInfo) -> Any:
        name, key = info.data.get("name"), str(info.field_name)
        if value is not None and name is not None and key not in _SPECIFIC[name]:
            others = ", ".join(other for other, keys in _SPECIFIC.items() if key in keys)
            raise ValueError(f"optimizer {name!r} has no {key}; {others} have")
        return value

    @model_validator(mode="after")
    def _check_combinations(self) -> Optimizer:
        clips = [key for key in ("clipvalue", "clipnorm", "global_clipnorm") if getattr(self, key) is not None]
        if len(clips) > 1:
            raise ValueError(f"{' and '.join(clips)} can't both be set: Keras clips gradients in one way only")
        if self.nesterov and not self.momentum:
            raise ValueError("`nesterov` needs a momentum, which isn't set", "Add e.g. momentum: 0.9")
        bad = [pattern for pattern, factor in self.layer_rates.items() if not factor >= 0]
        if bad:
            raise ValueError(f"`layer_rates` of {bad[0]!r} must be 0 or more; to exclude layers from training, use "
                             "`train.freeze`")
        return self
