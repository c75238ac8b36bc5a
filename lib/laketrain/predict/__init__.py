"""The last stage: a table scored by the committed model, lake to lake."""

from laketrain.predict.stage import fingerprint_predict, predict

__all__ = ["fingerprint_predict", "predict"]
