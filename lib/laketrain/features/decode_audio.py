"""Sound files to samples: WAV and FLAC, mixed to one channel, at one rate; only as much as is used is decoded.

    sound = decode_audio(data, rate=16000, seconds=10)     # Sound(samples=(n,) float32, seconds=12.5)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features.decode_header import Unreadable, beginning

Samples = npt.NDArray[np.float32]

_RATES = (1000, 768_000)
_MOST_CHANNELS = 64
# How far the resampling filter reaches, in samples of the slower of both rates; as long as SciPy makes its own.
_REACH = 10
# What a WAV of unknown length says, and what libsndfile says of a FLAC that doesn't.
_UNKNOWN_BYTES, _UNKNOWN_FRAMES = (0, 0xFFFFFFFF), 2**62


@dataclass(frozen=True)
class Sound:
    """`samples` (n,) of at most the seconds asked for, -1 to 1; `seconds` is how long the whole file lasts."""

    samples: Samples
    seconds: float


def decode_audio(data: bytes, rate: int, seconds: float) -> Sound:
    """The first `seconds` of a file at `rate` samples a second, the mean of its channels.

    Raises:
        Unreadable: it is no WAV or FLAC, ends before what is used of it does, or holds no sound.
    """
    import soundfile

    kind = _kind(data)
    try:
        with soundfile.SoundFile(BytesIO(data)) as file:
            _refuse_absurd(file.samplerate, file.channels)
            said = _frames(data, kind, file.frames, file.channels)
            wanted = min(said, _needed(seconds, file.samplerate, rate))
            samples = _read(file, wanted, kind)
            source = file.samplerate
    except soundfile.LibsndfileError as error:
        raise Unreadable(f"is damaged: a {kind} that can't be decoded ({error.error_string})") from error
    if said != _UNKNOWN_FRAMES and len(samples) < wanted:
        raise Unreadable(f"is truncated: a {kind} that says it has {said} samples and ends after {len(samples)}")
    if not len(samples):
        raise Unreadable("has no samples")
    if not np.isfinite(samples).all():
        raise Unreadable("has a sample that is not a number (NaN or infinite)")
    mono = samples.mean(axis=1, dtype=np.float32)
    lasts = (len(samples) if said == _UNKNOWN_FRAMES else said) / source
    return Sound(resampled(mono, source, rate)[: round(seconds * rate)], lasts)


def _read(file: Any, wanted: int, kind: str) -> npt.NDArray[np.float32]:
    """(n, channels) of n ≤ `wanted` samples."""
    import soundfile

    try:
        samples: npt.NDArray[np.float32] = file.read(wanted, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        # A FLAC that ends within a frame looks to its decoder like one whose frame is damaged.
        raise Unreadable(f"is truncated or damaged: a {kind} of {file.frames} samples that can't be decoded to its end "
                         f"({error.error_string})") from error
    return samples


def resampled(samples: Samples, source: int, rate: int) -> Samples:
    """At another rate, by a polyphase filter that lets nothing above half of the slower rate through."""
    if source == rate:
        return samples
    from scipy.signal import resample_poly

    up, down = _ratio(source, rate)
    return np.asarray(resample_poly(samples, up, down, window=_filter(max(up, down))), np.float32)


def _kind(data: bytes) -> str:
    if not data:
        raise Unreadable("is empty")
    if data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE":
        return "WAV"
    if data[:4] == b"fLaC":
        return "FLAC"
    raise Unreadable(f"is no sound: begins with {beginning(data)}, expected WAV or FLAC")


def _refuse_absurd(rate: int, channels: int) -> None:
    if not _RATES[0] <= rate <= _RATES[1]:
        raise Unreadable(f"says that it has {rate} samples a second, expected {_RATES[0]} to {_RATES[1]}")
    if channels > _MOST_CHANNELS:
        raise Unreadable(f"says that it has {channels} channels, at most {_MOST_CHANNELS} are decoded")


def _frames(data: bytes, kind: str, found: int, channels: int) -> int:
    """Samples a channel, as the file says it: of a WAV that is cut, libsndfile tells those that are left."""
    if kind == "FLAC":
        return min(found, _UNKNOWN_FRAMES)
    order: Any = "big" if data[:4] == b"RIFX" else "little"
    place, block, long_size = 12, channels, 0
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], order)
        if name == b"ds64":  # an RF64 says here what takes more than 32 bits
            long_size = int.from_bytes(data[place + 16 : place + 24], order)
        elif name == b"fmt ":
            block = int.from_bytes(data[place + 20 : place + 22], order)
        elif name == b"data":
            size = long_size or size
            whole = place + 8 + size <= len(data) or size in _UNKNOWN_BYTES
            return found if whole else max(found + 1, size // max(1, block))
        place += 8 + size + size % 2
    return found


def _needed(seconds: float, source: int, rate: int) -> int:
    """Samples of the file from which all samples of the result can be made."""
    up, down = _ratio(source, rate)
    return math.ceil(seconds * source) + math.ceil(_REACH * max(up, down) / up) + 1



def _ratio(source: int, rate: int) -> tuple[int, int]:
    """Up and down; of odd rates nearly so (less than a sample an hour), since the filter grows with both."""
    ratio = Fraction(rate, source).limit_denominator(10_000)
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=16)
def _filter(slower: int) -> npt.NDArray[np.float32]:
    """A low pass at 1 / `slower` of the common multiple of both rates."""
    from scipy.signal import firwin

    return np.asarray(firwin(2 * _REACH * slower + 1, 1 / slower, window=("kaiser", 5.0)), np.float32)
