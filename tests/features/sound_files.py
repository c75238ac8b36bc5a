"""Sound files, and the feature that reads them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile

from laketrain.features import Audio

RATE = 8000
NOISE = np.random.default_rng(2).uniform(-0.5, 0.5, RATE).astype(np.float32)


def saved(samples: Any, rate: int = RATE, format: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def tone(hertz: float, rate: int, seconds: float, height: float = 0.5) -> np.ndarray[Any, Any]:
    return height * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)


def audio(**changed: Any) -> Audio:
    return Audio.model_validate({"column": "sound", "rate": RATE, "bands": 20, **changed}
                                | ({} if "bucket_seconds" in changed else {"seconds": changed.get("seconds", 1.0)}))
