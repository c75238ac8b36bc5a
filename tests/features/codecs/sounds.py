"""Sound files of noise, and both ways to decode them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import soundfile

from laketrain.features.codecs.audio import decode_audio

RATE = 16_000
NOISE = np.random.default_rng(6).uniform(-0.5, 0.5, (3 * RATE, 1))
STEREO = np.random.default_rng(7).uniform(-0.5, 0.5, (RATE, 2))


def saved(samples: Any = NOISE, format: str = "FLAC", subtype: str = "PCM_16", **options: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=format, subtype=subtype, **options)
    return file.getvalue()


def theirs(data: bytes) -> Any:
    """Decoded by libsndfile."""
    return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0].mean(axis=1, dtype=np.float32)


def ours(data: bytes, seconds: float = 60) -> Any:
    return decode_audio(data, RATE, seconds).samples
