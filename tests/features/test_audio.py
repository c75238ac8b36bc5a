"""Sound files in a column: their tensors, the reasons for refusing some, and their statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from laketrain.errors import DataError
from laketrain.features import Audio, FeatureSet, Key
from laketrain.features.audio_bands import log_mel
from laketrain.features.codecs import cache
from laketrain.features.codecs.audio import decode_audio, resample

from .sound_files import NOISE, RATE, audio, saved, tone


def waveform(data: bytes, **changed: Any) -> np.ndarray[Any, Any]:
    [row] = audio(features="waveform", **changed).tensor(pa.array([data], pa.binary()))
    return np.asarray(row)[:, 0]


def reason(data: bytes | None, **changed: Any) -> str | None:
    [why] = audio(**changed).check(pa.array([data], pa.binary())).to_pylist()
    return why


# Samples.

@pytest.mark.parametrize(("format", "subtype", "digits"), [
    ("WAV", "PCM_16", 4), ("WAV", "PCM_24", 6), ("WAV", "PCM_U8", 2), ("WAV", "FLOAT", 7), ("WAV", "DOUBLE", 7),
    ("RF64", "PCM_16", 4), ("WAVEX", "PCM_16", 4), ("FLAC", "PCM_16", 4), ("FLAC", "PCM_24", 6)])
def test_a_file_of_the_same_rate_decodes_to_its_samples(format: str, subtype: str, digits: int) -> None:
    np.testing.assert_allclose(waveform(saved(NOISE, format=format, subtype=subtype)), NOISE, atol=1.01 * 10**-digits)


def test_channels_are_averaged() -> None:
    stereo = np.stack([NOISE, -NOISE / 2], axis=1)
    np.testing.assert_allclose(waveform(saved(stereo, subtype="FLOAT")), stereo.mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("source", [4000, 11_025, 16_000, 22_050, 44_100, 47_981, 48_000, 704_643])
@pytest.mark.parametrize("hertz", [100, 440, 1500])
def test_resampling_keeps_a_tone(source: int, hertz: float) -> None:
    ours = waveform(saved(tone(hertz, source, 1), source, subtype="FLOAT"))
    inner = slice(RATE // 20, -RATE // 20)  # at the ends, a filter reads silence
    np.testing.assert_allclose(ours[inner], tone(hertz, RATE, 1)[inner], atol=2e-3)


@pytest.mark.parametrize("hertz", [4800, 9000, 20_000])
def test_resampling_removes_tones_above_half_of_the_rate(hertz: float) -> None:
    ours = waveform(saved(tone(hertz, 44_100, 1), 44_100, subtype="FLOAT"))
    assert np.abs(ours[RATE // 20 : -RATE // 20]).max() < 5e-3


@pytest.mark.parametrize("source", [RATE, 44_100, 11_025, 5000])
def test_decoding_a_part_equals_the_part_of_a_full_decoding(source: int) -> None:
    samples = np.random.default_rng(3).uniform(-0.5, 0.5, 3 * source)
    data = saved(samples, source, subtype="DOUBLE")
    whole = resample(samples.astype(np.float32), source, RATE)[: RATE // 2]
    np.testing.assert_allclose(waveform(data, seconds=0.5), whole, atol=1e-6)
    assert decode_audio(data, RATE, 0.5).seconds == 3


def test_a_shorter_sound_is_followed_by_zeros() -> None:
    ours = waveform(saved(NOISE[:1000], subtype="FLOAT"))
    np.testing.assert_array_equal(ours[:1000], NOISE[:1000])
    assert not ours[1000:].any() and len(ours) == RATE


# Lengths.

def test_a_shorter_sound_is_followed_by_frames_of_zeros() -> None:
    feature = audio(seconds=1.0)
    bands = feature._bands
    [row] = feature.tensor(pa.array([saved(NOISE[:3000], subtype="FLOAT")], pa.binary()))
    frames = bands.frames(3000)
    np.testing.assert_array_equal(row[:frames], log_mel(NOISE[:3000], bands))
    assert row[:frames].any(axis=1).all() and not row[frames:].any()


@pytest.mark.parametrize("length", [1, 100, 199])
def test_a_sound_shorter_than_a_window_is_one_frame(length: int) -> None:
    [row] = audio().tensor(pa.array([saved(NOISE[:length])], pa.binary()))
    assert row[:1].any() and not row[1:].any()


def test_rows_are_padded_to_the_first_bucket_that_fits() -> None:
    feature = audio(bucket_seconds=[0.25, 0.5, 1])
    lengths = [0.2, 0.9, 0.25, 0.3, 5, 0.5]
    column = pa.array([saved(np.resize(NOISE, round(length * RATE)), subtype="FLOAT") for length in lengths])
    frames = [1 + (round(seconds * RATE) - 200) // 80 for seconds in (0.25, 0.5, 1)]
    assert (feature.buckets, feature.shape) == (tuple(frames), (frames[2], 20))
    assert feature.storage("sound").shape == (None, 20)
    buckets = feature.bucket_of(column)
    assert buckets.tolist() == [0, 2, 0, 1, 2, 1]
    stored = feature.encode(column)
    fixed = audio(seconds=1).tensor(column)
    for bucket in range(3):
        mine = np.flatnonzero(buckets == bucket)
        part = feature.for_bucket(bucket)
        assert part.shape == (frames[bucket], 20) and part.buckets == ()
        np.testing.assert_array_equal(part.decode(stored.take(pa.array(mine))), fixed[mine, : frames[bucket]])
    np.testing.assert_array_equal(feature.tensor(column), fixed)


def test_longer_sounds_are_cut_or_refused_as_declared() -> None:
    data = saved(np.resize(NOISE, 2 * RATE), subtype="FLOAT")
    np.testing.assert_array_equal(waveform(data), NOISE)
    assert reason(data, longer="refuse") == "lasts 2.00 s, at most 1 s are accepted (`longer: crop` cuts)"
    assert reason(saved(NOISE), longer="refuse") is None


# Invalid files.

WHOLE = {"WAV": saved(NOISE), "FLAC": saved(NOISE, format="FLAC"), "RF64": saved(NOISE, format="RF64")}
BROKEN = {
    "is null": None,
    "is empty": b"",
    "isn't a sound file: begins with 'This is no s', expected WAV or FLAC": b"This is no sound\n",
    r"isn't a sound file: begins with '\x00\x00\x00\x00": b"\0" * 500,
    "isn't a sound file: begins with 'RIFF": b"RIFF\x10\0\0\0WEBPVP8 ",
    "is truncated: a WAV that says it has 8000 samples and ends after 3978": WHOLE["WAV"][:8000],
    "is truncated: a WAV that says it has 8000 samples and ends after 1000": saved(NOISE, format="RF64")[:-14_000],
    "is truncated or damaged: a FLAC of 8000 samples": WHOLE["FLAC"][: len(WHOLE["FLAC"]) // 2],
    "is damaged: a WAV that can't be decoded": WHOLE["WAV"][:20] + b"\xff" * 8 + WHOLE["WAV"][28:],
    "is damaged: a FLAC that can't be decoded": b"fLaC" + b"\xff" * 100,
    "has no samples": saved(NOISE[:0]),
    "has a sample that is not a number": saved(np.array([0, np.nan, 0]), subtype="FLOAT"),
    "has a rate of 100 Hz, expected 1000 to 768000": saved(NOISE, rate=100),
    "has 65 channels, at most 64": saved(np.zeros((4, 65))),
}


@pytest.mark.parametrize("message", BROKEN, ids=lambda message: str(message)[:40])
def test_a_file_of_another_kind_has_a_reason(message: str) -> None:
    assert (reason(BROKEN[message]) or "").startswith(message)


@pytest.mark.parametrize("format", WHOLE)
def test_a_truncated_file_is_refused_or_complete(format: str) -> None:
    whole = WHOLE[format]
    lengths = sorted({*range(120), *range(120, len(whole), 97), *range(len(whole) - 30, len(whole))})
    feature = audio(features="waveform")
    for length, why in zip(lengths, feature.check(pa.array([whole[:length] for length in lengths])), strict=True):
        message = why.as_py()
        if message is None:
            np.testing.assert_array_equal(waveform(whole[:length]), waveform(whole))
        else:
            assert message.startswith(("is truncated", "is damaged: ", "is empty", "isn't a sound file: ",
                                       "has no samples"))


@settings(deadline=None)
@given(st.sampled_from(["WAV", "FLAC"]), st.integers(0, 10**6), st.binary(max_size=40))
def test_a_damaged_row_is_a_sound_or_has_a_reason(format: str, offset: int, bytes_: bytes) -> None:
    data = bytearray(WHOLE[format])
    offset %= len(data) if offset % 2 else 60
    data[offset : offset + len(bytes_)] = bytes_
    feature, column = audio(), pa.array([bytes(data)], pa.binary())
    [why] = feature.check(column).to_pylist()
    assert why or np.isfinite(feature.tensor(column)).all()


def test_a_wav_written_as_a_stream_of_unknown_length_is_read() -> None:
    data = bytearray(saved(NOISE, subtype="PCM_16"))
    offset = data.index(b"data") + 4
    data[4:8] = data[offset : offset + 4] = b"\xff" * 4
    np.testing.assert_array_equal(waveform(bytes(data)), waveform(saved(NOISE, subtype="PCM_16")))


def test_a_wav_with_other_chunks_is_read() -> None:
    data = saved(NOISE)
    offset = data.index(b"data")
    more = data[:offset] + b"LIST\x05\0\0\0abcde\0" + data[offset:]
    np.testing.assert_array_equal(waveform(more), waveform(data))


def test_a_column_of_another_type_is_refused() -> None:
    with pytest.raises(DataError, match=r"expected binary \(WAV or FLAC files\)"):
        audio().check(pa.array(["a.wav"]))


# Batches, statistics, Petastorm.

COLUMN = pa.array([saved(height * np.roll(NOISE, 7)[:length], format=kind) for height, length, kind in
                   [(1, 8000, "WAV"), (0.3, 5000, "FLAC"), (0.1, 99, "WAV"), (0.7, 8000, "FLAC"), (0.01, 300, "WAV")]])


@pytest.mark.parametrize("changed", [{}, {"features": "mfcc"}, {"features": "waveform"},
                                     {"bucket_seconds": (0.3, 0.5, 1.0)}], ids=str)
@pytest.mark.parametrize("cores", ["1", "3"])
def test_the_tensor_is_the_same_in_any_batch(changed: Any, cores: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", cores)
    feature = audio(**changed)
    feature = feature.fit(feature.tally(COLUMN))
    alone = []
    for row in range(len(COLUMN)):
        monkeypatch.setattr(cache, "_cache", cache._Cache(0))
        alone.append(feature.tensor(COLUMN.slice(row, 1))[0])
    np.testing.assert_array_equal(feature.tensor(COLUMN), alone)
    assert feature.tensor(COLUMN.slice(0, 0)).shape == (0, *feature.shape)


def test_valid_and_refused_rows_keep_their_order() -> None:
    column = pa.array([b"x", COLUMN[0].as_py(), None, COLUMN[3].as_py(), b""], pa.large_binary()).slice(1)
    assert audio().check(column).to_pylist() == [None, "is null", None, "is empty"]
    np.testing.assert_array_equal(audio().tensor(column.take(pa.array([2, 0]))), audio().tensor(COLUMN.take([3, 0])))


def test_bands_have_mean_0_and_std_1_over_frames_without_padding() -> None:
    raw = audio()
    frames = raw.tensor(COLUMN)
    real = frames[frames.any(axis=-1)].astype(np.float64)
    learnt = raw.fit(raw.tally(COLUMN))
    assert learnt.statistics is not None
    np.testing.assert_allclose(learnt.statistics.mean, real.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(learnt.statistics.std, real.std(axis=0), atol=1e-4)
    standard = learnt.tensor(COLUMN)
    assert standard.dtype == np.float32
    np.testing.assert_allclose(standard[frames.any(axis=-1)], (real - real.mean(axis=0)) / real.std(axis=0), atol=1e-3)
    assert not standard[~frames.any(axis=-1)].any()
    assert Audio.model_validate_json(learnt.model_dump_json()) == learnt


@given(st.permutations(range(len(COLUMN))), st.integers(1, 4))
def test_statistics_do_not_depend_on_the_partitioning(order: list[int], cut: int) -> None:
    parts = [audio().tally(COLUMN.take(pa.array(part))) for part in (order[:cut], order[cut:])]
    assert {key: parts[0][key] + parts[1][key] for key in parts[0]} == audio().tally(COLUMN)


def test_a_constant_band_becomes_0_and_an_empty_split_raises() -> None:
    silence = pa.array([saved(np.zeros(RATE))])
    feature = audio().fit(audio().tally(silence))
    assert np.abs(feature.tensor(silence)).max() < 2**-12
    with pytest.raises(DataError, match="no valid sound"):
        audio().fit(audio().tally(silence.slice(0, 0)))


def test_a_waveform_stays_as_it_is() -> None:
    feature = audio(features="waveform")
    assert feature.fit(feature.tally(COLUMN)) == feature


@pytest.mark.parametrize(("changed", "look", "shape"), [
    ({}, "heat", (20, 98)), ({"features": "mfcc"}, "heat", (13, 98)), ({"features": "waveform"}, "curves", (RATE, 1))])
def test_drawings_have_time_from_left_to_right(changed: Any, look: str, shape: tuple[int, int]) -> None:
    feature = audio(**changed)
    drawing = feature.drawing(feature.tensor(COLUMN)[0])
    assert drawing is not None and (drawing.look, drawing.data.shape) == (look, shape)


@pytest.mark.parametrize("changed", [{}, {"bucket_seconds": (0.3, 0.5, 1.0)}], ids=str)
def test_make_reader_returns_the_stored_rows(tmp_path: Path, changed: dict[str, Any]) -> None:
    pytest.importorskip("petastorm")
    from petastorm import make_reader

    from laketrain.convert.petastorm import common_metadata

    features = FeatureSet.of({"sound": audio(**changed), "id": Key(column="id")})
    table = pa.table({"sound": COLUMN, "id": [str(row) for row in range(len(COLUMN))]})
    stored, _ = features.encode_batch(table)
    pq.write_table(stored, tmp_path / "part-00000.parquet")
    (tmp_path / "_common_metadata").write_bytes(common_metadata("sounds", features, {"part-00000.parquet": 1}))
    with make_reader(tmp_path.as_uri(), reader_pool_type="dummy", shuffle_row_groups=False) as reader:
        seen = {row.id: row.sound for row in reader}
    ours = features.tensors(stored)["sound"]
    for row, theirs in enumerate(seen.values()):
        np.testing.assert_array_equal(ours[row, : len(theirs)], theirs)
    assert list(seen) == table.column("id").to_pylist()


@pytest.mark.parametrize("changed", [{}, {"bucket_seconds": (0.5, 1.0)}], ids=str)
def test_stored_rows_that_differ_from_the_declaration_raise(changed: dict[str, Any]) -> None:
    other = audio(bands=10).encode(COLUMN)
    with pytest.raises(DataError, match="convert the dataset again"):
        audio(**changed).decode(other)


@pytest.mark.parametrize(("section", "message"), [
    ({}, "give either `seconds`.*got neither"),
    ({"seconds": 1, "bucket_seconds": [1, 2]}, "got both"),
    ({"bucket_seconds": [2, 1]}, "ascend"),
    ({"bucket_seconds": [1, 1.001]}, "differ by less than a step"),
    ({"seconds": 0.01}, "shorter than one window"),
    ({"seconds": 1, "hop_ms": 0.01}, "hop of 0.01 ms"),
    ({"seconds": 1, "bands": 200}, "200 bands are too many.*Lower `bands`"),
    ({"seconds": 1, "high_hz": 9000}, "half of `rate`"),
    ({"seconds": 1, "low_hz": 5000, "high_hz": 4000}, "low_hz < high_hz"),
    ({"seconds": 1, "features": "mfcc", "bands": 10}, "13 coefficients of 10 bands"),
    ({"seconds": 1, "features": "mel"}, "'logmel', 'mfcc' or 'waveform'"),
])
def test_invalid_settings_are_explained(section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FeatureSet.model_validate({"sound": {"kind": "audio", **section}})
