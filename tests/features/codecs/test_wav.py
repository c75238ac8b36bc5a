"""A WAV file is decoded to its last sample or refused, also if its header has a placeholder for its length."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from tests.features.codecs.sounds import NOISE, RATE, STEREO, ours, saved, theirs

from laketrain.features.codecs.audio import decode_audio
from laketrain.features.codecs.header import Unreadable


def with_data_size(data: bytes, size: int) -> bytes:
    offset = data.index(b"data") + 4
    order = "big" if data[:4] == b"RIFX" else "little"
    return data[:offset] + size.to_bytes(4, order) + data[offset + 4 :]


UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x7FFF0000, 0x80000000)


@pytest.mark.parametrize("size", UNKNOWN, ids=hex)
@pytest.mark.parametrize(("samples", "subtype", "endian"), [
    (NOISE, "PCM_16", "LITTLE"), (NOISE, "PCM_16", "BIG"), (STEREO, "PCM_24", "LITTLE"), (STEREO, "FLOAT", "LITTLE")])
def test_a_wav_of_unknown_length_is_read_to_the_end(samples: Any, subtype: str, endian: str, size: int) -> None:
    data = saved(samples, "WAV", subtype, endian=endian)
    block = struct.unpack(">H" if endian == "BIG" else "<H", data[32:34])[0]
    for data_size in (size, size // block * block):
        for whole in (data, data[:4] + bytes(4) + data[8:]):
            np.testing.assert_array_equal(ours(with_data_size(whole, data_size)), theirs(data))
            assert decode_audio(with_data_size(whole, data_size), RATE, 0.1).seconds == len(samples) / RATE


@pytest.mark.parametrize("size", [0, 2**63 - 1, 2**64 - 1], ids=hex)
@pytest.mark.parametrize("short", [0, 0xFFFFFFFF], ids=hex)
def test_an_rf64_of_unknown_length_is_read_to_the_end(size: int, short: int) -> None:
    data = saved(STEREO, "RF64")
    offset = data.index(b"ds64") + 16
    unknown = with_data_size(data[:offset] + size.to_bytes(8, "little") + data[offset + 8 :], short)
    np.testing.assert_array_equal(ours(unknown), theirs(data))
    with pytest.raises(Unreadable, match="^is truncated: a WAV that says it has 16000 samples and ends after 15"):
        ours(data[:-500])


def test_a_wav_with_other_chunks_and_no_samples_is_refused() -> None:
    for more in (b"", b"LIST\x05\0\0\0abcde\0", b"LIST\x04\0\0\0abcdid3 \x02\0\0\0xy"):
        with pytest.raises(Unreadable, match="^has no samples"):
            ours(with_data_size(saved(NOISE[:0], "WAV"), 0) + more)


def test_any_other_length_beyond_the_end_means_truncated() -> None:
    data = saved(NOISE, "WAV")
    for size in (len(data), 10**6, 0x7FFFEFFE, 0x70000000):
        with pytest.raises(Unreadable, match="^is truncated: a WAV"):
            ours(with_data_size(data, size))


def test_floats_beyond_1_are_not_clipped() -> None:
    loud = (NOISE * 5).astype(np.float32)
    loud[7] = 1e30
    np.testing.assert_array_equal(ours(saved(loud, "WAV", "FLOAT")), loud[:, 0])
