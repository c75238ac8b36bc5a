"""JSON for messages between ranks and driver. Nothing that comes from the network is unpickled.

    to_json({"loss": np.float32(0.5), "shape": (2, 3)})  ->  '{"loss":0.5,"shape":[2,3]}'
"""

from __future__ import annotations

import json
from typing import Any


def to_json(value: Any) -> str:
    """JSON text. NumPy, Keras and TensorFlow numbers and arrays become numbers and lists; NaN and Inf are kept.

    Raises:
        TypeError: a value or a dictionary's key has no JSON form.
    """
    return json.dumps(value, default=_to_builtin, separators=(",", ":"))


def _to_builtin(value: Any) -> Any:
    if hasattr(value, "numpy"):
        value = value.numpy()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON serializable: use numbers, text, lists and dictionaries")
