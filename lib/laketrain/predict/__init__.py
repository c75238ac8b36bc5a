"""The last stage: scores a table with a committed model, from lake to lake."""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.predict.stage import fingerprint_predict, predict

__all__ = ["fingerprint_predict", "predict"]

__getattr__ = lazy_names(__name__, {
    "fingerprint_predict": "laketrain.predict.stage",
    "predict": "laketrain.predict.stage",
})
