"""The fifth stage: ranks on Spark train one model on one dataset, and the lake stores it."""

from laketrain.train.stage import fingerprint_train, train

__all__ = ["fingerprint_train", "train"]
