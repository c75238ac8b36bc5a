"""Sound files to samples: WAV and FLAC, mixed to one channel, at one rate; only as much as is used is decoded.

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
# (n, channels) float32, samples a second, samples that the whole file has a channel.
_Decoded = tuple[npt.NDArray[np.float32], int, int]

_RATES = (1000, 768_000)
_MOST_CHANNELS = 64
# How far the resampling filter reaches, in samples of the slower of both rates; as long as SciPy makes its own.
_REACH = 10


@dataclass(frozen=True)
class Sound:
    """`samples` (n,) of at most the seconds asked for, -1 to 1 unless the file holds floats beyond; `seconds` is how
    long the whole file lasts."""

    samples: Samples
    seconds: float


def decode_audio(data: bytes, rate: int, seconds: float) -> Sound:
    """The first `seconds` of a file at `rate` samples a second, the mean of its channels.

    Raises:
        Unreadable: it is no WAV or FLAC, ends before what is used of it does, or holds no sound.
    """
    import soundfile

    data = data[id3_end(data):]
    kind = _kind(data)
    decode = _flac if kind == "FLAC" else _wav
    try:
        samples, source, said = decode(data, lambda source: _needed(seconds, source, rate))
    except soundfile.LibsndfileError as error:
        raise Unreadable(f"is damaged: a {kind} that can't be decoded ({error.error_string})") from error
    if not len(samples):
        raise Unreadable("has no samples")
    if not np.isfinite(samples).all():
        raise Unreadable("has a sample that is not a number (NaN or infinite)")
    mono = samples.mean(axis=1, dtype=np.float32)
    return Sound(resample(mono, source, rate)[: round(seconds * rate)], said / source)


def _wav(data: bytes, needed: Callable[[int], int]) -> _Decoded:
    data = fix_data_size(data)
    with _opened(data) as file:
        said = declared_frames(data, file.frames, file.channels)
        return _read(file, min(said, needed(file.samplerate)), said, "WAV", "float32"), file.samplerate, said


def _flac(data: bytes, needed: Callable[[int], int]) -> _Decoded:
    """All samples are compared with their checksum. Of a part, or where there is no checksum, each frame must be there:
    to decode an hour for the sake of its first second would take thousands of times as long."""
    info = flac_info(data)
    if not info.samples:
        data, info = with_sample_count(data, info)
    with _opened(data) as file:
        wanted = min(info.samples, needed(file.samplerate))
        if wanted < info.samples or not info.md5:
            check_frames(data, info, wanted)
            return _read(file, wanted, info.samples, "FLAC", "float32"), file.samplerate, info.samples
        whole = _read(file, wanted, info.samples, "FLAC", "int16" if info.bits <= 16 else "int32")
        check_md5(info, whole)
        # What libsndfile makes of them itself: all the digits fit.
        scale = np.float32(0.5 ** (8 * whole.itemsize - 1))
        return np.multiply(whole, scale, dtype=np.float32), file.samplerate, info.samples


def _opened(data: bytes) -> Any:
    import soundfile

    file = soundfile.SoundFile(BytesIO(data))
    _refuse_absurd(file.samplerate, file.channels)
    return file


def _read(file: Any, wanted: int, said: int, kind: str, type: str) -> npt.NDArray[Any]:
    """(`wanted`, channels)."""
    import soundfile

    try:
        samples: npt.NDArray[Any] = file.read(wanted, dtype=type, always_2d=True)
    except soundfile.LibsndfileError as error:
        # A FLAC that ends within a frame looks to its decoder like one whose frame is damaged.
        raise Unreadable(f"is truncated or damaged: a {kind} of {said} samples that can't be decoded to its end "
                         f"({error.error_string})") from error
    if len(samples) < wanted:
        raise Unreadable(f"is truncated: a {kind} that says it has {said} samples and ends after {len(samples)}")
    return samples


def resample(samples: Samples, source: int, rate: int) -> Samples:
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
    raise Unreadable(f"is no sound: begins with {first_bytes(data)}, expected WAV or FLAC")


def _refuse_absurd(rate: int, channels: int) -> None:
    if not _RATES[0] <= rate <= _RATES[1]:
        raise Unreadable(f"says that it has {rate} samples a second, expected {_RATES[0]} to {_RATES[1]}")
    if channels > _MOST_CHANNELS:
        raise Unreadable(f"says that it has {channels} channels, at most {_MOST_CHANNELS} are decoded")


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
