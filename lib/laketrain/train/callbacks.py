"""The user's Keras callbacks, called at the moments at which Keras' `fit` calls them.

    callbacks = UserCallbacks(config, functions, model, enabled=world.is_chief)
    callbacks.call("on_epoch_end", 3, {"loss": 0.4})
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from laketrain.usercode.errors import wrap_user_errors
from laketrain.workload import Train


class UserCallbacks:
    """Created and called on rank 0 only. What they raise becomes a DataError, except MemoryError."""

    def __init__(self, config: Train, functions: Mapping[str, Any], model: Any, enabled: bool) -> None:
        self._model = model
        self._callbacks: dict[str, Any] = {}
        for name in config.callbacks if enabled else ():
            with self._attributed(name):
                self._callbacks[name] = functions[name]()
                self._callbacks[name].set_model(model)
                self._callbacks[name].set_params({"epochs": config.epochs})

    def call(self, hook: str, *args: Any) -> None:
        """Calls a method such as `on_epoch_end` of each, with Keras' arguments."""
        for name, callback in self._callbacks.items():
            with self._attributed(name):
                getattr(callback, hook)(*args)

    @property
    def stop_training(self) -> bool:
        """Whether one of them has set `model.stop_training`."""
        return bool(self._callbacks) and bool(self._model.stop_training)

    @staticmethod
    def _attributed(name: str) -> contextlib.AbstractContextManager[None]:
        return wrap_user_errors("train", f"train.callbacks {name!r}")
