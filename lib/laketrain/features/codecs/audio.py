"""Decodes WAV and FLAC files to samples of one channel at one rate. Only the requested part is decoded.

    sound = decode_audio(data, rate=16000, seconds=10)     # Sound(samples=(n,) float32, seconds=12.5)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features.codecs.flac import check_frames, check_md5, flac_info, with_sample_count
from laketrain.features.codecs.header import Unreadable, first_bytes
from laketrain.features.codecs.id3 import id3_end
from laketrain.features.codecs.wav import declared_frames, fix_data_size

Samples = npt.NDArray[np.float32]
# (n, channels) float32 samples, their rate in Hz, and the samples a channel of the whole file.
_Decoded = tuple[npt.NDArray[np.float32], int, int]

_RATES = (1000, 768_000)
_MOST_CHANNELS = 64
# Half length of the resampling filter, in samples of the lower rate; the same as SciPy's default.
_REACH = 10


@dataclass(frozen=True)
class Sound:
    """`samples` (n,) are in -1 to 1, unless the file has larger floats; `seconds` is the length of the whole file."""

    samples: Samples
    seconds: float


def decode_audio(data: bytes, rate: int, seconds: float) -> Sound:
    """The first `seconds` of a file, resampled to `rate` Hz, as the mean of its channels.

    Raises:
        Unreadable: it isn't a WAV or FLAC file, is damaged or truncated in the requested part, or has no samples.
    """
    import soundfile

    data = data[id3_end(data):]
    kind = _kind(data)
    decode = _flac if kind == "FLAC" else _wav
    try:
        samples, source, total = decode(data, lambda source: _needed(seconds, source, rate))
    except soundfile.LibsndfileError as error:
        raise Unreadable(f"is damaged: a {kind} that can't be decoded ({error.error_string})") from error
    if not len(samples):
        raise Unreadable("has no samples")
    if not np.isfinite(samples).all():
        raise Unreadable("has a sample that is not a number (NaN or infinite)")
    mono = samples.mean(axis=1, dtype=np.float32)
    return Sound(resample(mono, source, rate)[: round(seconds * rate)], total / source)


def _wav(data: bytes, needed: Callable[[int], int]) -> _Decoded:
    data = fix_data_size(data)
    with _open(data) as file:
        total = declared_frames(data, file.frames, file.channels)
        return _read(file, min(total, needed(file.samplerate)), total, "WAV", "float32"), file.samplerate, total


def _flac(data: bytes, needed: Callable[[int], int]) -> _Decoded:
    """Compares all samples with their checksum. If only a part is needed or there is no checksum, checks that no frame
    is missing: decoding an hour for its first second would take thousands of times as long."""
    info = flac_info(data)
    if not info.samples:
        data, info = with_sample_count(data, info)
    with _open(data) as file:
        count = min(info.samples, needed(file.samplerate))
        if count < info.samples or not info.md5:
            check_frames(data, info, count)
            return _read(file, count, info.samples, "FLAC", "float32"), file.samplerate, info.samples
        whole = _read(file, count, info.samples, "FLAC", "int16" if info.bits <= 16 else "int32")
        check_md5(info, whole)
        # The same floats that libsndfile returns: float32 holds all digits.
        scale = np.float32(0.5 ** (8 * whole.itemsize - 1))
        return np.multiply(whole, scale, dtype=np.float32), file.samplerate, info.samples


def _open(data: bytes) -> Any:
    import soundfile

    file = soundfile.SoundFile(BytesIO(data))
    _check_limits(file.samplerate, file.channels)
    return file


def _read(file: Any, count: int, total: int, kind: str, type: str) -> npt.NDArray[Any]:
    """The first `count` of `total` samples, (count, channels)."""
    import soundfile

    try:
        samples: npt.NDArray[Any] = file.read(count, dtype=type, always_2d=True)
    except soundfile.LibsndfileError as error:
        # The decoder can't distinguish a FLAC that ends within a frame from one with a damaged frame.
        raise Unreadable(f"is truncated or damaged: a {kind} of {total} samples that can't be decoded to its end "
                         f"({error.error_string})") from error
    if len(samples) < count:
        raise Unreadable(f"is truncated: a {kind} that says it has {total} samples and ends after {len(samples)}")
    return samples


def resample(samples: Samples, source: int, rate: int) -> Samples:
    """Resamples from `source` to `rate` Hz, by a polyphase low-pass filter."""
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
    raise Unreadable(f"isn't a sound file: begins with {first_bytes(data)}, expected WAV or FLAC")


def _check_limits(rate: int, channels: int) -> None:
    if not _RATES[0] <= rate <= _RATES[1]:
        raise Unreadable(f"has a rate of {rate} Hz, expected {_RATES[0]} to {_RATES[1]}")
    if channels > _MOST_CHANNELS:
        raise Unreadable(f"has {channels} channels, at most {_MOST_CHANNELS} are decoded")


def _needed(seconds: float, source: int, rate: int) -> int:
    """Samples of the file that are needed for `seconds` of the result."""
    up, down = _ratio(source, rate)
    return math.ceil(seconds * source) + math.ceil(_REACH * max(up, down) / up) + 1


def _ratio(source: int, rate: int) -> tuple[int, int]:
    """Factors of up- and downsampling. Odd rates are approximated (less than a sample an hour), as the filter grows."""
    ratio = Fraction(rate, source).limit_denominator(10_000)
    return ratio.numerator, ratio.denominator


@lru_cache(maxsize=16)
def _filter(slower: int) -> npt.NDArray[np.float32]:
    """A low-pass filter with its cutoff at 1 / `slower` of the common multiple of both rates."""
    from scipy.signal import firwin

    return np.asarray(firwin(2 * _REACH * slower + 1, 1 / slower, window=("kaiser", 5.0)), np.float32)
