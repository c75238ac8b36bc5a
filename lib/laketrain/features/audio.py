"""Sounds: WAV or FLAC files in a table; float32 spectrograms or waveforms for Keras.

    features:
      speech: {kind: audio, column: content, seconds: 1}
      song: {kind: audio, column: content, features: mfcc, bucket_seconds: [2, 5, 10]}

A row is (steps, values): frames of bands or coefficients, or samples of one value. Bands are standardised when they are
read, with the mean and std of the train split. Padding stays 0, which is then the mean.
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

# Statistics are integer sums in units of 1 / _PARTS, so that they don't depend on the order of rows.
_PARTS = 2**12
# Steps summed at once: squares of values up to 2**11 then fit in int64.
_BLOCK = 2**16


def _seconds(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class AudioStatistics(BaseModel):
    """Of each band or coefficient, over the train split's frames without padding."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    mean: Annotated[tuple[float, ...], BeforeValidator(_seconds)]
    std: Annotated[tuple[float, ...], BeforeValidator(_seconds)]


class Audio(Feature):
    """float32 (steps, values) of the first seconds of a sound. The column is binary with a WAV or FLAC file a row."""

    codec: ClassVar[Codec] = "ndarray"

    kind: Literal["audio"] = "audio"
    role: Literal["input"] = "input"
    """It is an input of the model."""
    features: Literal["logmel", "mfcc", "waveform"] = "logmel"
    """`logmel`: the logarithm of the power in mel bands; `mfcc`: its cepstral coefficients; `waveform`: the samples."""
    rate: int = Field(default=16_000, ge=1000, le=192_000)
    """The rate in Hz that every file is resampled to; channels are averaged."""
    seconds: float | None = Field(default=None, gt=0)
    """The length of every row: longer sounds are cut, shorter ones padded at the end."""
    bucket_seconds: Annotated[tuple[float, ...], BeforeValidator(_seconds)] = ()
    """Ascending lengths, instead of `seconds`: a row is padded to the first one that holds it, and a batch has rows of
    one length."""
    longer: Literal["crop", "refuse"] = "crop"
    """Whether longer sounds are cut (`crop`) or quarantined (`refuse`)."""
    window_ms: float = Field(default=25.0, gt=0)
    """Length of a frame, in milliseconds."""
    hop_ms: float = Field(default=10.0, gt=0)
    """From the start of a frame to the start of the next one, in milliseconds."""
    bands: int = Field(default=64, ge=2, le=512)
    """Number of mel bands."""
    coefficients: int = Field(default=13, ge=1)
    """Number of cepstral coefficients, for `features: mfcc`."""
    low_hz: float = Field(default=0.0, ge=0)
    """Lower end of the lowest band."""
    high_hz: float | None = Field(default=None, gt=0)
    """Upper end of the highest band; by default half of `rate`, the highest possible frequency."""
    statistics: AudioStatistics | None = None
    """Fitted by convert."""

    @model_validator(mode="after")
    def _check_bands(self) -> Audio:
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
                             "narrower than their resolution. Lower `bands`, or raise `window_ms` or `low_hz`")
        return self

    @model_validator(mode="after")
    def _check_lengths(self) -> Audio:
        if (self.seconds is None) == (not self.bucket_seconds):
            got = "neither" if self.seconds is None else "both"
            raise ValueError(f"give either `seconds` (one length) or `bucket_seconds` (several); got {got}")
        lengths = self._lengths
        if any(length <= 0 for length in lengths) or list(lengths) != sorted(set(lengths)):
            raise ValueError(f"`bucket_seconds` must ascend and be above 0; got {list(lengths)}")
        steps = [self._steps(length) for length in lengths]
        if sorted(set(steps)) != steps:
            raise ValueError(f"`bucket_seconds` {list(lengths)} differ by less than a step; remove some")
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
        """Values a step."""
        return {"logmel": self.bands, "mfcc": self.coefficients, "waveform": 1}[self.features]

    @property
    def arrow_type(self) -> pa.DataType:
        return pa.binary()

    @property
    def zeros_are_padding(self) -> bool:
        """No frame of a sound has every band at its mean."""
        return self.features != "waveform"

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
            index = np.flatnonzero(buckets == bucket)
            padded = np.zeros((len(index), *self.for_bucket(int(bucket)).shape), np.float32)
            for target, row in zip(padded, index, strict=True):
                target[: len(rows[row])] = rows[row]
            parts.append(encode_ndarrays(padded))
            order.append(index)
        return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(order))))

    def decode(self, stored: pa.Array) -> npt.NDArray[Any]:
        """Pads rows to the longest bucket."""
        raw = self._decode_buckets(stored) if self.buckets else decode_ndarrays(stored, np.float32, self.shape)
        if self.statistics is None:
            return raw
        mean, std = (np.array(values, np.float32) for values in (self.statistics.mean, self.statistics.std))
        return np.where(raw.any(axis=-1, keepdims=True), (raw - mean) / std, np.float32(0))

    def tally(self, column: pa.Array) -> dict[str, int]:
        if self.features == "waveform":  # samples are within -1 and 1, and aren't scaled
            return {}
        steps, total, squares = 0, np.zeros(self.width, object), np.zeros(self.width, object)
        for row in self._rows(column):
            steps += len(row)
            for start in range(0, len(row), _BLOCK):
                whole = np.rint(row[start : start + _BLOCK].astype(np.float64) * _PARTS).astype(np.int64)
                total += whole.sum(axis=0).astype(object)  # Python integers don't overflow
                squares += (whole * whole).sum(axis=0).astype(object)
        return {"steps": steps, **{f"total_{band}": int(value) for band, value in enumerate(total)},
                **{f"squares_{band}": int(value) for band, value in enumerate(squares)}}

    def fit(self, values: Mapping[str, Any]) -> Audio:
        if self.features == "waveform":
            return self
        steps = int(values.get("steps") or 0)
        if not steps:
            raise DataError("convert", self.subject, "the train split has no valid sound",
                            "look at the quarantine, and at the split's fractions")
        means = [Fraction(int(values[f"total_{band}"]), steps * _PARTS) for band in range(self.width)]
        stds = [math.sqrt(Fraction(int(values[f"squares_{band}"]), steps * _PARTS**2) - mean * mean)
                for band, mean in enumerate(means)]
        # A constant band has a std of 0, by which nothing can be divided.
        statistics = AudioStatistics(mean=tuple(map(float, means)), std=tuple(std or 1.0 for std in stds))
        return self.model_copy(update={"statistics": statistics})

    def unused_settings(self) -> Iterator[tuple[str, str]]:
        for key in self.non_default("coefficients") if self.features != "mfcc" else ():
            yield key, "is for `features: mfcc`"
        bands = ("window_ms", "hop_ms", "bands", "low_hz", "high_hz")
        for key in self.non_default(*bands) if self.features == "waveform" else ():
            yield key, "is for frames and bands, and `features: waveform` has samples"

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
        """Each file's (steps, values) without padding, or the reason why it can't be decoded."""
        settings = (self.features, self._bands, self.coefficients, self._lengths[-1], self.longer)
        return decode_column(column, settings, self._decode_file)

    def _rows(self, column: pa.Array) -> list[Any]:
        return self._decoded(column)

    def _decode_file(self, data: bytes) -> Floats:
        longest = self._lengths[-1]
        sound = decode_audio(data, self.rate, longest)
        if self.longer == "refuse" and sound.seconds > longest:
            raise Unreadable(f"lasts {sound.seconds:.2f} s, at most {longest:g} s are accepted (`longer: crop` cuts)")
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
            index = np.flatnonzero(sizes == size)
            out[index, :steps] = decode_ndarrays(stored.take(pa.array(index)), np.float32, shape)
            left[index] = False
        if left.any():
            raise DataError("feed", self.subject, f"row {np.argmax(left)} is null or doesn't have a bucket's length "
                            f"{list(self.buckets)}", "convert the dataset again, or declare what it holds")
        return out
