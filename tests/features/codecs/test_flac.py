"""A FLAC file is decoded to its last sample or refused: a lost frame never becomes silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.features.codecs.sounds import NOISE, RATE, STEREO, ours, saved, theirs

from laketrain.features.codecs import flac
from laketrain.features.codecs.audio import decode_audio
from laketrain.features.codecs.flac import check_frames, flac_info
from laketrain.features.codecs.header import Unreadable


def crc8(data: bytes) -> int:
    crc = 0
    for bit in np.unpackbits(np.frombuffer(data, np.uint8)):
        crc = (crc << 1 & 0xFF) ^ (7 if (crc >> 7) ^ int(bit) else 0)
    return crc


def offsets(data: bytes) -> list[int]:
    """The offsets of the frames: fewer than 128, each of the stream's block size except the last."""
    result, offset = list[int](), flac_info(data).first - 1
    while (offset := data.find(b"\xff\xf8", offset + 1)) >= 0:
        size = 5 + {6: 1, 7: 2}.get(data[offset + 2] >> 4, 0)
        if data[offset + 4] == len(result) and crc8(data[offset : offset + size]) == data[offset + size]:
            result.append(offset)
    return result


FLAC = saved()
STARTS = offsets(FLAC)
MD5 = slice(26, 42)


def without_frame(number: int) -> bytes:
    return FLAC[: STARTS[number]] + FLAC[STARTS[number + 1] :]


def without_checksum(data: bytes) -> bytes:
    return data[: MD5.start] + bytes(16) + data[MD5.stop :]


def of_unknown_length(data: bytes) -> bytes:
    return data[:21] + bytes([data[21] & 0xF0, 0, 0, 0, 0]) + data[26:]


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("samples", [NOISE, STEREO, NOISE[:1]], ids=["noise", "stereo", "one sample"])
def test_a_complete_flac_decodes_as_with_libsndfile(samples: Any, subtype: str) -> None:
    data = saved(samples, subtype=subtype)
    for content in (data, without_checksum(data), of_unknown_length(data), of_unknown_length(without_checksum(data))):
        np.testing.assert_array_equal(ours(content), theirs(data))
        assert decode_audio(content, RATE, 0.1).seconds == len(samples) / RATE
        np.testing.assert_array_equal(ours(content, 0.1), theirs(data)[: RATE // 10])


@pytest.mark.parametrize("number", [0, 1, 4, len(STARTS) - 2])
def test_a_flac_without_a_frame_is_refused(number: int) -> None:
    assert len(STARTS) == -(-len(NOISE) // 4096)
    for data in (without_frame(number), without_checksum(without_frame(number))):
        with pytest.raises(Unreadable, match="^is (truncated|damaged|truncated or damaged): a FLAC"):
            ours(data)
        if number < 2:
            with pytest.raises(Unreadable, match="^is truncated or damaged: a FLAC without the frame that follows"):
                ours(data, 0.5)
        else:
            np.testing.assert_array_equal(ours(data, 0.5), theirs(FLAC)[: RATE // 2])


def test_a_flac_without_its_last_frame_is_truncated() -> None:
    for data in (FLAC[: STARTS[-1]], without_checksum(FLAC[: STARTS[-1]])):
        with pytest.raises(Unreadable, match="^is truncated"):
            ours(data)
    with pytest.raises(Unreadable, match="MD5"):
        ours(of_unknown_length(FLAC[: STARTS[-1]]))


def test_samples_that_differ_from_their_checksum_are_refused() -> None:
    wrong = FLAC[: MD5.start] + b"\1" * 16 + FLAC[MD5.stop :]
    with pytest.raises(Unreadable, match=r"^is damaged: a FLAC whose samples differ from its checksum \(MD5\)$"):
        ours(wrong)
    np.testing.assert_array_equal(ours(wrong, 0.5), theirs(FLAC)[: RATE // 2])  # a part has no checksum


def test_a_damaged_flac_is_refused_or_decoded_correctly() -> None:
    random = np.random.default_rng(8)
    right = theirs(FLAC)
    for offset in random.integers(42, len(FLAC), 300).tolist():
        bad = bytearray(FLAC)
        length = int(random.choice([1, 2, 50, 9000]))
        if random.random() < 0.5:
            del bad[offset : offset + length]
        else:
            bad[offset : offset + length] = random.bytes(min(length, len(bad) - offset))
        for seconds in (0.5, 1.5, 60):
            try:
                samples = ours(bytes(bad), seconds)
            except Unreadable:
                continue
            np.testing.assert_array_equal(samples, right[: round(seconds * RATE)])


@pytest.mark.parametrize("number", [0, 127, 128, 2047, 2048, 65_535, 65_536, 2**21, 2**26, 2**31, 2**36 - 1])
def test_frame_numbers_of_any_length_are_read(number: int) -> None:
    """They are encoded like characters of UTF-8, but may be larger."""
    if number < 128:
        coded = bytes([number])
    else:
        count = next(count for count in range(2, 8) if number < 1 << 5 * count + 1)
        lead = (0xFF00 >> count) & 0xFF | (number >> 6 * (count - 1))
        coded = bytes([lead, *(0x80 | number >> 6 * left & 63 for left in range(count - 2, -1, -1))])
    for code, behind, size in ((1, b"", 192), (2, b"", 576), (5, b"", 4608), (6, b"\x0f", 16), (7, b"\x0f\xff", 4096),
                               (8, b"", 256), (15, b"", 32_768)):
        head = b"\xff\xf9" + bytes([code << 4 | 9, 0x08]) + coded + behind
        assert flac._frame(head + bytes([crc8(head)]) + bytes(9), 0) == flac._Frame(number, size, True)
        assert flac._frame(head + bytes([crc8(head) ^ 1]) + bytes(9), 0) is None


def test_frames_of_several_sizes_are_counted_by_samples() -> None:
    def frame(number: int, code: int) -> bytes:
        head = b"\xff\xf9" + bytes([code << 4 | 9, 0x08]) + chr(number).encode()
        return head + bytes([crc8(head)]) + bytes(20)

    frames = [frame(0, 1), frame(192, 2), frame(768, 1)]
    start = b"fLaC\x80\0\0\x22" + bytes(10) + (960).to_bytes(8, "big") + bytes(16)
    info = flac_info(start)
    check_frames(start + b"".join(frames), info, 960)
    with pytest.raises(Unreadable, match="without the frame that follows sample 192 of 960"):
        check_frames(start + frames[0] + frames[2], info, 960)
