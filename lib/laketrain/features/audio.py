"""Sounds: WAV or FLAC files in a table, float32 spectrograms or waveforms for Keras.

    features:
      speech: {kind: audio, column: content, seconds: 1}
      song: {kind: audio, column: content, features: mfcc, bucket_seconds: [2, 5, 10]}

A row is (steps, values): frames of bands or coefficients, or samples of one value. Bands are standardised when they are
read, by mean and std learnt on the train split; what is padded stays 0, which then is the mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from laketrain.errors import DataError
from laketrain.features.audio_bands import Bands, log_mel, mel_weights, mfcc
from laketrain.features.base import Codec, Drawing, Feature, Storage, nulls, reasons
from laketrain.features.codecs.audio import decode_audio
from laketrain.features.codecs.cache import Decoded, decode_column, failures
from laketrain.features.codecs.header import Unreadable
from laketrain.features.codecs.ndarray import decode_ndarrays, encode_ndarrays

Floats = npt.NDArray[np.float32]

# Statistics are sums of whole numbers of this part of one, so that they don't depend on the order of rows.
_PARTS = 2**12
# Steps summed at once: the squares of values up to 2**11 then stay within int64.
_BLOCK = 2**16


def _seconds(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class AudioStatistics(BaseModel):
    """Of each band or coefficient over the frames of the train split, without padding."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    mean: Annotated[tuple[float, ...], BeforeValidator(_seconds)]
    std: Annotated[tuple[float, ...], BeforeValidator(_seconds)]


class Audio(Feature):
    """float32 (steps, values) of the first seconds of a sound; the column is binary with a WAV or FLAC file a row."""

    codec: ClassVar[Codec] = "ndarray"

    kind: Literal["audio"] = "audio"
    role: Literal["input"] = "input"
    """The model sees it."""
    features: Literal["logmel", "mfcc", "waveform"] = "logmel"
    """What a sound becomes: the logarithm of its power in mel bands, cepstral coefficients of that, or its samples."""
    rate: int = Field(default=16_000, ge=1000, le=192_000)
    """Samples a second that every file is resample to; the channels become one."""
    seconds: float | None = Field(default=None, gt=0)
    """The length of every row: what is longer is cut, what is shorter is padded behind."""
    bucket_seconds: Annotated[tuple[float, ...], BeforeValidator(_seconds)] = ()
    """Ascending lengths, instead of `seconds`: a row is padded to the first that holds it, and a batch has rows of one
    length."""
    longer: Literal["crop", "refuse"] = "crop"
    """What becomes of sounds that last longer than that: their first part is taken, or they are quarantined."""
    window_ms: float = Field(default=25.0, gt=0)
    """Length of the piece of sound that a frame tells of, in milliseconds."""
    hop_ms: float = Field(default=10.0, gt=0)
    """From a frame's beginning to the next one's, in milliseconds."""
    bands: int = Field(default=64, ge=2, le=512)
    """How many mel bands the frequencies are gathered in."""
    coefficients: int = Field(default=13, ge=1)
    """How many of the cepstral coefficients are kept, for `features: mfcc`."""
    low_hz: float = Field(default=0.0, ge=0)
    """Where the lowest band begins."""
    high_hz: float | None = Field(default=None, gt=0)
    """Where the highest band ends; half of `rate` if not given, the highest frequency that there is."""
    statistics: AudioStatistics | None = None
    """Learnt by convert."""

    @model_validator(mode="after")
    def _bands_that_go_together(self) -> Audio:
        bands = self._bands
        if not 0 <= bands.low < bands.high <= self.rate / 2:
            raise ValueError(f"bands from {bands.low:g} to {bands.high:g} Hz: expected low_hz < high_hz ≤ "
                             f"{self.rate / 2:g}, half of `rate`")
        if bands.window < 2 or bands.hop < 1:
            raise ValueError(f"a window of {self.window_ms} ms and a hop of {self.hop_ms} ms are {bands.window} and "
                             f"{bands.hop} samples at {self.rate} Hz; make them longer")
        if self.features == "mfcc" and self.coefficients > self.bands:
            raise ValueError(f"{self.coefficients} coefficients of {self.bands} bands; at most as many as bands")
        empty = np.flatnonzero(~mel_weights(bands).any(axis=0))
        if len(empty) and self.features != "waveform":
            raise ValueError(f"{self.bands} bands are too many for windows of {self.window_ms} ms: band {empty[0]} is "
                             "narrower than what they can tell apart. Lower `bands`, or raise `window_ms` or `low_hz`")
        return self

    @model_validator(mode="after")
    def _lengths_that_go_together(self) -> Audio:
        if (self.seconds is None) == (not self.bucket_seconds):
            got = "neither" if self.seconds is None else "both"
            raise ValueError(f"give either `seconds` (one length) or `bucket_seconds` (several); got {got}")
        lengths = self._lengths
        if any(length <= 0 for length in lengths) or list(lengths) != sorted(set(lengths)):
            raise ValueError(f"`bucket_seconds` ascend and are above 0; got {list(lengths)}")
        steps = [self._steps(length) for length in lengths]
        if sorted(set(steps)) != steps:
            raise ValueError(f"`bucket_seconds` {list(lengths)} differ by less than a step; leave some out")
        if round(lengths[0] * self.rate) < self._bands.window and self.features != "waveform":
            raise ValueError(f"{lengths[0]} s is shorter than one window of {self.window_ms} ms")
        return self

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._steps(self._lengths[-1]), self.width

    @property
    def width(self) -> int:
        """Values of one step."""
        return {"logmel": self.bands, "mfcc": self.coefficients, "waveform": 1}[self.features]

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.binary()

    @property
    def buckets(self) -> tuple[int, ...]:
        return tuple(map(self._steps, self.bucket_seconds))

    def bucket_of(self, column: pa.Array) -> npt.NDArray[np.int64]:
        return self._bucket_of([len(row) for row in self._rows(column)])

    def for_bucket(self, bucket: int) -> Audio:
        if not self.bucket_seconds:
            return self
        return self.model_copy(update={"seconds": self.bucket_seconds[bucket], "bucket_seconds": ()})

    def storage(self, name: str) -> Storage:
        return Storage(name, self.dtype.name, (None if self.buckets else self.shape[0], self.width), self.codec)

    def check(self, column: pa.Array) -> pa.Array:
        if not (pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)):
            raise self.wrong_type(column, "binary (WAV or FLAC files)")
        why = failures(self._decoded(column))
        return reasons(len(column), (nulls(column), "is null"), (np.asarray(why.is_valid()), why))

    def pack(self, column: pa.Array) -> pa.Array:
        rows = self._rows(column)
        buckets = self._bucket_of([len(row) for row in rows])
        parts, order = [pa.array([], pa.binary())], [np.empty(0, np.int64)]
        for bucket in np.unique(buckets):
            places = np.flatnonzero(buckets == bucket)
            padded = np.zeros((len(places), *self.for_bucket(int(bucket)).shape), np.float32)
            for target, place in zip(padded, places, strict=True):
                target[: len(rows[place])] = rows[place]
            parts.append(encode_ndarrays(padded))
            order.append(places)
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(order))))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        """Rows of several buckets are padded to the longest."""
        raw = self._decode_buckets(stored) if self.buckets else decode_ndarrays(stored, np.float32, self.shape)
        if self.statistics is None:
            return raw
        mean, std = (np.array(values, np.float32) for values in (self.statistics.mean, self.statistics.std))
        return np.where(raw.any(axis=-1, keepdims=True), (raw - mean) / std, np.float32(0))

    def tally(self, column: pa.Array) -> dict[str, int]:
        if self.features == "waveform":  # its samples are within -1 and 1 as they are
            return {}
        steps, total, squares = 0, np.zeros(self.width, object), np.zeros(self.width, object)
        for row in self._rows(column):
            steps += len(row)
            for start in range(0, len(row), _BLOCK):
                whole = np.rint(row[start : start + _BLOCK].astype(np.float64) * _PARTS).astype(np.int64)
                total += whole.sum(axis=0).astype(object)  # Python's whole numbers have no end
                squares += (whole * whole).sum(axis=0).astype(object)
        return {"steps": steps, **{f"total_{place}": int(one) for place, one in enumerate(total)},
                **{f"squares_{place}": int(one) for place, one in enumerate(squares)}}

    def fit(self, values: Mapping[str, Any]) -> Audio:
        if self.features == "waveform":
            return self
        steps = int(values.get("steps") or 0)
        if not steps:
            raise DataError("convert", self.subject, "the train split holds no good sound",
                            "look at the quarantine, and at the split's fractions")
        means = [Fraction(int(values[f"total_{place}"]), steps * _PARTS) for place in range(self.width)]
        spreads = [math.sqrt(Fraction(int(values[f"squares_{place}"]), steps * _PARTS**2) - mean * mean)
                   for place, mean in enumerate(means)]
        # A band that never changes has nothing to be divided by.
        found = AudioStatistics(mean=tuple(map(float, means)), std=tuple(spread or 1.0 for spread in spreads))
        return self.model_copy(update={"statistics": found})

    def idle(self) -> Iterator[tuple[str, str]]:
        for key in self.non_default("coefficients") if self.features != "mfcc" else ():
            yield key, "is of `features: mfcc`"
        bands = ("window_ms", "hop_ms", "bands", "low_hz", "high_hz")
        for key in self.non_default(*bands) if self.features == "waveform" else ():
            yield key, "is of frames and bands, and with `features: waveform` the model sees samples"

    def drawing(self, value: Any) -> Drawing:
        return Drawing("curves", value) if self.features == "waveform" else Drawing("heat", np.asarray(value).T)

    @property
    def _lengths(self) -> tuple[float, ...]:
        return self.bucket_seconds or (float(self.seconds or 0),)

    @property
    def _bands(self) -> Bands:
        window, hop = (round(self.rate * length / 1000) for length in (self.window_ms, self.hop_ms))
        return Bands(self.rate, window, hop, self.bands, self.low_hz, self.high_hz or self.rate / 2)

    def _steps(self, seconds: float) -> int:
        samples = round(seconds * self.rate)
        return samples if self.features == "waveform" else self._bands.frames(samples)

    def _bucket_of(self, steps: list[int]) -> npt.NDArray[np.int64]:
        return np.searchsorted(np.array(self.buckets or (self.shape[0],)), np.array(steps, np.int64)).astype(np.int64)

    def _decoded(self, column: pa.Array) -> list[Decoded | None]:
        """Of each file (steps, values), as long as it is, or why there is nothing."""
        asked = (self.features, self._bands, self.coefficients, self._lengths[-1], self.longer)
        return decode_column(column, asked, self._made)

    def _rows(self, column: pa.Array) -> list[Any]:
        return self._decoded(column)

    def _made(self, data: bytes) -> Floats:
        longest = self._lengths[-1]
        sound = decode_audio(data, self.rate, longest)
        if self.longer == "refuse" and sound.seconds > longest:
            raise Unreadable(f"lasts {sound.seconds:.2f} s, at most {longest:g} s are taken (`longer: crop` cuts it)")
        if self.features == "waveform":
            return sound.samples[:, None]
        if self.features == "mfcc":
            return mfcc(sound.samples, self._bands, self.coefficients)
        return log_mel(sound.samples, self._bands)

    def _decode_buckets(self, stored: pa.Array) -> Floats:
        out = np.zeros((len(stored), *self.shape), np.float32)
        sizes = np.asarray(pc.fill_null(pc.binary_length(stored), -1))
        left = np.ones(len(stored), np.bool_)
        for steps in self.buckets:
            shape = (steps, self.width)
            [size] = pc.binary_length(encode_ndarrays(np.zeros((1, *shape), np.float32))).to_pylist()
            places = np.flatnonzero(sizes == size)
            out[places, :steps] = decode_ndarrays(stored.take(pa.array(places)), np.float32, shape)
            left[places] = False
        if left.any():
            raise DataError("feed", self.subject, f"row {np.argmax(left)} is null or of none of the buckets' lengths "
                            f"{list(self.buckets)}", "convert the dataset again, or declare what it holds")
        return out
