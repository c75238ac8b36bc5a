"""Log-mel spectrograms and mel-frequency cepstral coefficients (MFCC).

    bands = Bands(rate=16000, window=400, hop=160, count=64, low=0, high=8000)
    log_mel(samples, bands)          # (frames, 64) float32
    mfcc(samples, bands, 13)         # (frames, 13) float32

The conventions are those of HTK and TensorFlow's `tf.signal`: a periodic Hann window, only frames that are wholly
within the sound, mel = 2595 log10(1 + Hz / 700), triangles of height 1, the natural logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
# Added to the power before the logarithm: digital silence is then about -13.8 instead of minus infinity.
FLOOR = 1e-6
# Frames transformed at once, to limit the memory for long recordings.
_BLOCK = 1024


@dataclass(frozen=True)
class Bands:
    """`rate` in Hz; `window` and `hop` in samples; `count` bands between `low` and `high` Hz."""

    rate: int
    window: int
    hop: int
    count: int
    low: float
    high: float

    @property
    def fft(self) -> int:
        """Length of the Fourier transform: the next power of two."""
        return 1 << (self.window - 1).bit_length()

    def frames(self, samples: int) -> int:
        """Number of frames of a sound; at least one, as a shorter sound is padded with silence."""
        return 1 + max(0, samples - self.window) // self.hop


def log_mel(samples: Floats, bands: Bands) -> Floats:
    """(frames, count) natural logarithm of the power in each band."""
    padded = np.pad(samples, (0, max(0, bands.window - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(padded, bands.window)[:: bands.hop]
    weights, hann = mel_weights(bands), _hann(bands.window)
    out = np.empty((len(windows), bands.count), np.float32)
    for start in range(0, len(windows), _BLOCK):
        # NumPy 1 always computes in float64, NumPy 2 only if its input is.
        spectrum = np.fft.rfft(windows[start : start + _BLOCK].astype(np.float64) * hann, bands.fft)
        out[start : start + _BLOCK] = np.log((spectrum.real**2 + spectrum.imag**2) @ weights + FLOOR)
    return out


def mfcc(samples: Floats, bands: Bands, coefficients: int) -> Floats:
    """(frames, coefficients) of the orthonormal cosine transform (DCT-II) of the log-mel bands."""
    from scipy.fft import dct

    transformed: Any = dct(log_mel(samples, bands).astype(np.float64), type=2, norm="ortho", axis=1)
    return np.asarray(transformed[:, :coefficients], np.float32)


@lru_cache(maxsize=16)
def mel_weights(bands: Bands) -> npt.NDArray[np.float64]:
    """(fft // 2 + 1, count) the weight of each frequency's power in each band."""
    mel = _mel(np.arange(bands.fft // 2 + 1) * bands.rate / bands.fft)[:, None]
    edges = np.linspace(_mel(np.float64(bands.low)), _mel(np.float64(bands.high)), bands.count + 2)
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    weights = np.maximum(0, np.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)))
    weights.flags.writeable = False
    return np.asarray(weights)


@lru_cache(maxsize=16)
def _hann(size: int) -> npt.NDArray[np.float64]:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size))


def _mel(hertz: Any) -> Any:
    return 2595 * np.log10(1 + hertz / 700)
