"""Spectra and cepstra equal TensorFlow's, and the formula."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from laketrain.features import Audio
from laketrain.features.audio_bands import Bands, log_mel, mel_weights, mfcc

from .sound_files import NOISE, RATE, audio, saved, tone

SPEECHLIKE = (tone(300, RATE, 1, 0.3) + tone(1200, RATE, 1, 0.1) + 0.01 * NOISE).astype(np.float32)


def bands_of(feature: Audio) -> Bands:
    return feature._bands


@pytest.mark.parametrize("changed", [{}, {"window_ms": 32.0, "hop_ms": 8.0}, {"low_hz": 80.0, "high_hz": 3800.0},
                                     {"window_ms": 20.5, "bands": 12}], ids=str)
def test_log_mel_equals_tensorflows_signal_functions(changed: dict[str, Any]) -> None:
    import tensorflow as tf

    feature = audio(**changed)
    bands = bands_of(feature)
    weights = tf.signal.linear_to_mel_weight_matrix(bands.count, bands.fft // 2 + 1, RATE, bands.low, bands.high,
                                                    dtype=tf.float64)
    np.testing.assert_allclose(mel_weights(bands), weights.numpy(), atol=1e-9)
    spectrum = tf.signal.stft(tf.constant(SPEECHLIKE, tf.float64), bands.window, bands.hop, bands.fft).numpy()
    theirs = np.log(np.abs(spectrum) ** 2 @ weights.numpy() + 1e-6)
    ours = feature.tensor(pa.array([saved(SPEECHLIKE, subtype="FLOAT")], pa.binary()))
    assert ours.dtype == np.float32 and ours.shape == (1, *feature.shape) == (1, *theirs.shape)
    np.testing.assert_allclose(ours[0], theirs, rtol=1e-4, atol=1e-4)


def test_mfcc_equals_tensorflow_with_an_orthonormal_first_coefficient() -> None:
    import tensorflow as tf

    feature = audio(features="mfcc", coefficients=9)
    bands = bands_of(feature)
    ours = feature.tensor(pa.array([saved(SPEECHLIKE, subtype="FLOAT")], pa.binary()))[0]
    logs = log_mel(SPEECHLIKE, bands)
    theirs = tf.signal.mfccs_from_log_mel_spectrograms(logs).numpy()
    np.testing.assert_allclose(ours[:, 1:], theirs[:, 1:9], atol=1e-3)
    np.testing.assert_allclose(ours[:, 0], logs.sum(axis=1) / math.sqrt(bands.count), rtol=1e-5)


def test_log_mel_follows_the_formula() -> None:
    bands = Bands(rate=RATE, window=50, hop=30, count=3, low=0, high=4000)
    samples = NOISE[:140]
    ours = log_mel(samples, bands)
    assert ours.shape == (4, 3) == (bands.frames(140), 3)
    edges = [700 * (10 ** (m / 2595) - 1) for m in np.linspace(0, 2595 * math.log10(1 + 4000 / 700), 5)]
    for frame in range(4):
        power = [abs(sum(samples[frame * 30 + n] * (0.5 - 0.5 * math.cos(2 * math.pi * n / 50))
                         * np.exp(-2j * math.pi * k * n / 64) for n in range(50))) ** 2 for k in range(33)]
        for band in range(3):
            low, mid, high = (2595 * math.log10(1 + edge / 700) for edge in edges[band : band + 3])
            total = 0.0
            for k in range(1, 33):
                mel = 2595 * math.log10(1 + k * RATE / 64 / 700)
                total += power[k] * max(0.0, min((mel - low) / (mid - low), (high - mel) / (high - mid)))
            assert math.isclose(ours[frame, band], math.log(total + 1e-6), rel_tol=1e-4, abs_tol=1e-4)


def test_a_long_recording_is_the_same_in_pieces() -> None:
    bands = Bands(rate=RATE, window=64, hop=7, count=5, low=0, high=4000)
    samples = np.resize(NOISE, 20_000)
    whole = log_mel(samples, bands)
    assert len(whole) == bands.frames(20_000) > 2048
    for frame in (0, 1023, 1024, 2500):
        piece = samples[frame * 7 : frame * 7 + 64]
        np.testing.assert_allclose(log_mel(piece, bands)[0], whole[frame], rtol=1e-5)
        np.testing.assert_allclose(mfcc(piece, bands, 5)[0], mfcc(samples, bands, 5)[frame], atol=1e-4)


def test_a_tone_is_in_its_band() -> None:
    feature = audio()
    [frames] = feature.tensor(pa.array([saved(tone(1000, RATE, 1))], pa.binary()))
    centres = np.linspace(0, 2595 * math.log10(1 + 4000 / 700), 22)[1:-1]
    assert set(frames.argmax(axis=1)) == {int(np.abs(centres - 2595 * math.log10(1 + 1000 / 700)).argmin())}
