"""The fifth stage: ranks on Spark train one model on one dataset, and the lake stores it."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.train.stage import fingerprint_train, fingerprints_train, train

__all__ = ["fingerprint_train", "fingerprints_train", "train"]

__getattr__ = lazy_names(__name__, dict.fromkeys(__all__, "laketrain.train.stage"))
