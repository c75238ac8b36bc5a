"""How weights follow their gradients: the optimizer, and how its learning rate goes on.

    optimizer: {name: adamw, learning_rate: 0.001, weight_decay: 0.01, schedule: {name: cosine, warmup: 2}}
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from laketrain.config.base import Section

OptimizerName = Literal["sgd", "adam", "adamw", "nadam", "adamax", "lamb", "lion", "rmsprop", "adagrad", "adadelta",
                        "adafactor", "ftrl"]

_MOMENTS = {"beta_1", "beta_2"}
_OWN: dict[str, set[str]] = {
    "sgd": {"momentum", "nesterov"}, "adam": {*_MOMENTS, "epsilon", "amsgrad"},
    "adamw": {*_MOMENTS, "epsilon", "amsgrad"}, "nadam": {*_MOMENTS, "epsilon"}, "adamax": {*_MOMENTS, "epsilon"},
    "lamb": {*_MOMENTS, "epsilon"}, "lion": _MOMENTS, "rmsprop": {"momentum", "rho", "epsilon", "centered"},
    "adagrad": {"epsilon"}, "adadelta": {"rho", "epsilon"}, "adafactor": set(), "ftrl": set(),
}
"""The settings that not all of them take."""
_OF_SCHEDULE = {"end": ("cosine", "linear"), "decay": ("exponential", "steps")}
"""The settings that not all schedules have a use for."""


class Schedule(Section):
    """The learning rate from step to step. It is a function of the step alone, so a resumed run goes on with it."""

    name: Literal["constant", "cosine", "linear", "exponential", "steps"] = "constant"
    """`cosine` and `linear` fall to `end` over the whole training, the first as half a cosine (Loshchilov and Hutter
    2017); `exponential` is multiplied by `decay` each epoch, smoothly; `steps` by `decay` at each epoch of `at`."""
    warmup: float = Field(default=0.0, ge=0)
    """Epochs in which the rate rises evenly from nothing, before the schedule begins; may be a fraction."""
    end: float = Field(default=0.0, ge=0, le=1)
    """Of cosine and linear: where the rate ends, as a fraction of the first one."""
    decay: float = Field(default=0.1, gt=0, le=1)
    """Of exponential and steps: by what the rate is multiplied."""
    at: list[float] = Field(default_factory=list)
    """Of steps: the epochs after which the rate falls."""

    @model_validator(mode="after")
    def _steps_somewhere(self) -> Schedule:
        if (self.name == "steps") != bool(self.at):
            raise ValueError("`at` are the epochs of `name: steps`: give both, or neither")
        for key, names in _OF_SCHEDULE.items():
            if getattr(self, key) != type(self).model_fields[key].default and self.name not in names:
                raise ValueError(f"schedule {self.name!r} has no use for `{key}`; {' and '.join(names)} have",
                                 f"Remove it, or write name: {names[0]}")
        return self


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class Optimizer(Section):
    """A Keras optimizer. The learning rate is the one used, whatever the number of ranks, unless `train.scaling` says
    otherwise. Gradients are averaged over the ranks before anything is clipped."""

    former: ClassVar[dict[str, str]] = {"wire": "It is called 'gradient_dtype' now"}

    name: OptimizerName = "adam"
    """Which one, with Keras' own settings for all that isn't said here."""
    learning_rate: float = Field(default=0.001, gt=0)
    """The rate that the schedule begins with. The default is that of Keras for adam."""
    schedule: Annotated[Schedule, BeforeValidator(_named)] = Schedule()
    """How the rate goes on: a name, or its settings; by default it stays."""
    momentum: float | None = Field(default=None, ge=0, lt=1)
    """Of sgd and rmsprop: the share of the last step that goes into this one; by default 0."""
    nesterov: bool | None = None
    """Of sgd: look ahead by the `momentum` (Nesterov 1983), which it needs."""
    beta_1: float | None = Field(default=None, ge=0, lt=1)
    """Of adam and its kin: how much of the mean gradient stays from step to step; by default 0.9."""
    beta_2: float | None = Field(default=None, ge=0, lt=1)
    """Of adam and its kin: the same of the mean square; by default 0.999, of lion 0.99."""
    rho: float | None = Field(default=None, ge=0, lt=1)
    """Of rmsprop and adadelta: how much of the mean square stays; by default 0.9 and 0.95."""
    epsilon: float | None = Field(default=None, gt=0)
    """What keeps divisions by small numbers apart from zero; by default 1e-7."""
    amsgrad: bool | None = None
    """Of adam and adamw: never forget the largest mean square (Reddi and others 2018)."""
    centered: bool | None = None
    """Of rmsprop: divide by the deviation of the gradients instead of their size."""
    weight_decay: float | None = Field(default=None, ge=0)
    """The share, times the rate, that weights lose at each step; by default what Keras does (0.004 for adamw)."""
    clipvalue: float | None = Field(default=None, gt=0)
    """The size to which each number of a gradient is cut; by default none is."""
    clipnorm: float | None = Field(default=None, gt=0)
    """The norm to which the gradient of each variable is cut; by default none is cut."""
    global_clipnorm: float | None = Field(default=None, gt=0)
    """The norm to which the gradients of all variables together are cut; by default none is."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are averaged before the weights take one step: as a batch so many times larger. What is
    left at the end of an epoch makes a step of its own."""
    ema: float | None = Field(default=None, gt=0, lt=1)
    """How much of the moving mean of the weights stays from step to step; the committed model then has that mean. By
    default there is none."""
    layer_rates: dict[str, float] = Field(default_factory=dict)
    """By what the rate is multiplied in layers whose name fits a pattern such as `block_*`; the first that fits counts.
    By default all layers learn at the same rate."""
    gradient_dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    """The type in which gradients travel between ranks; a short one halves the bytes and loses bits."""

    @field_validator(*sorted({key for own in _OWN.values() for key in own}))
    @classmethod
    def _of_this_optimizer(cls, value: Any, info: ValidationInfo) -> Any:
        name, key = info.data.get("name"), str(info.field_name)
        if value is not None and name is not None and key not in _OWN[name]:
            others = ", ".join(other for other, own in _OWN.items() if key in own)
            raise ValueError(f"optimizer {name!r} takes no {key}; {others} do")
        return value

    @model_validator(mode="after")
    def _settings_that_go_together(self) -> Optimizer:
        clips = [key for key in ("clipvalue", "clipnorm", "global_clipnorm") if getattr(self, key) is not None]
        if len(clips) > 1:
            raise ValueError(f"{' and '.join(clips)} can't both be given: Keras cuts gradients in one way")
        if self.nesterov and not self.momentum:
            raise ValueError("`nesterov` looks ahead by the momentum, and there is none", "Add e.g. momentum: 0.9")
        bad = [pattern for pattern, factor in self.layer_rates.items() if not factor >= 0]
        if bad:
            raise ValueError(f"`layer_rates` of {bad[0]!r} must be 0 or more; use `train.freeze` for layers that stay")
        return self
