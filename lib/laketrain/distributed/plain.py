"""JSON for what travels between ranks and driver: nothing that comes from the network is ever unpickled.

    to_json({"loss": np.float32(0.5), "shape": (2, 3)})  ->  '{"loss": 0.5, "shape": [2, 3]}'
"""

from __future__ import annotations

import json
from typing import Any


def to_json(value: Any) -> str:
    """JSON text. NumPy, Keras and TensorFlow numbers and arrays become plain numbers and lists; NaN and Inf stay.

    Raises:
        TypeError: something in it is none of these, or a dictionary's key is no plain one.
    """
    return json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if hasattr(value, "numpy"):
        value = value.numpy()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value: give numbers, text, lists and dictionaries of them")
