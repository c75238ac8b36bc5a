"""A sound is read to the last sample that its file has, or refused: nothing is silence that was lost."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
import soundfile

from laketrain.features.codecs import flac
from laketrain.features.codecs.audio import decode_audio
from laketrain.features.codecs.flac import check_frames, flac_info
from laketrain.features.codecs.header import Unreadable

RATE = 16_000
NOISE = np.random.default_rng(6).uniform(-0.5, 0.5, (3 * RATE, 1))
STEREO = np.random.default_rng(7).uniform(-0.5, 0.5, (RATE, 2))


def saved(samples: Any = NOISE, format: str = "FLAC", subtype: str = "PCM_16", **options: Any) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=format, subtype=subtype, **options)
    return file.getvalue()


def theirs(data: bytes) -> Any:
    """What libsndfile makes of the file."""
    return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0].mean(axis=1, dtype=np.float32)


def ours(data: bytes, seconds: float = 60) -> Any:
    return decode_audio(data, RATE, seconds).samples


def crc8(data: bytes) -> int:
    crc = 0
    for bit in np.unpackbits(np.frombuffer(data, np.uint8)):
        crc = (crc << 1 & 0xFF) ^ (7 if (crc >> 7) ^ int(bit) else 0)
    return crc


def places(data: bytes) -> list[int]:
    """Where the frames begin, of which there are fewer than 128, each of the stream's size but the last."""
    found, place = list[int](), flac_info(data).first - 1
    while (place := data.find(b"\xff\xf8", place + 1)) >= 0:
        size = 5 + {6: 1, 7: 2}.get(data[place + 2] >> 4, 0)
        if data[place + 4] == len(found) and crc8(data[place : place + size]) == data[place + size]:
            found.append(place)
    return found


FLAC = saved()
STARTS = places(FLAC)
MD5 = slice(26, 42)


def without_frame(number: int) -> bytes:
    return FLAC[: STARTS[number]] + FLAC[STARTS[number + 1] :]


def without_checksum(data: bytes) -> bytes:
    return data[: MD5.start] + bytes(16) + data[MD5.stop :]


def of_unknown_length(data: bytes) -> bytes:
    return data[:21] + bytes([data[21] & 0xF0, 0, 0, 0, 0]) + data[26:]


# FLAC.

@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("samples", [NOISE, STEREO, NOISE[:1]], ids=["noise", "stereo", "one sample"])
def test_a_whole_flac_becomes_what_libsndfile_makes_of_it(samples: Any, subtype: str) -> None:
    data = saved(samples, subtype=subtype)
    for one in (data, without_checksum(data), of_unknown_length(data), of_unknown_length(without_checksum(data))):
        np.testing.assert_array_equal(ours(one), theirs(data))
        assert decode_audio(one, RATE, 0.1).seconds == len(samples) / RATE
        np.testing.assert_array_equal(ours(one, 0.1), theirs(data)[: RATE // 10])


@pytest.mark.parametrize("number", [0, 1, 4, len(STARTS) - 2])
def test_a_lost_frame_is_no_silence(number: int) -> None:
    assert len(STARTS) == -(-len(NOISE) // 4096)
    for data in (without_frame(number), without_checksum(without_frame(number))):
        with pytest.raises(Unreadable, match="^is (truncated|damaged|truncated or damaged): a FLAC"):
            ours(data)
        if number < 2:
            with pytest.raises(Unreadable, match="^is truncated or damaged: a FLAC without the frame that follows"):
                ours(data, 0.5)
        else:
            np.testing.assert_array_equal(ours(data, 0.5), theirs(FLAC)[: RATE // 2])


def test_a_lost_last_frame_is_a_file_cut_off() -> None:
    for data in (FLAC[: STARTS[-1]], without_checksum(FLAC[: STARTS[-1]])):
        with pytest.raises(Unreadable, match="^is truncated"):
            ours(data)
    with pytest.raises(Unreadable, match="MD5"):
        ours(of_unknown_length(FLAC[: STARTS[-1]]))


def test_samples_that_their_checksum_says_are_others_are_refused() -> None:
    wrong = FLAC[: MD5.start] + b"\1" * 16 + FLAC[MD5.stop :]
    with pytest.raises(Unreadable, match=r"^is damaged: a FLAC whose samples differ from its checksum \(MD5\)$"):
        ours(wrong)
    np.testing.assert_array_equal(ours(wrong, 0.5), theirs(FLAC)[: RATE // 2])  # of a part, nothing says so


def test_a_flac_that_is_damaged_anywhere_is_refused_or_right() -> None:
    random = np.random.default_rng(8)
    right = theirs(FLAC)
    for place in random.integers(42, len(FLAC), 300).tolist():
        bad = bytearray(FLAC)
        length = int(random.choice([1, 2, 50, 9000]))
        if random.random() < 0.5:
            del bad[place : place + length]
        else:
            bad[place : place + length] = random.bytes(min(length, len(bad) - place))
        for seconds in (0.5, 1.5, 60):
            try:
                samples = ours(bytes(bad), seconds)
            except Unreadable:
                continue
            np.testing.assert_array_equal(samples, right[: round(seconds * RATE)])


@pytest.mark.parametrize("number", [0, 127, 128, 2047, 2048, 65_535, 65_536, 2**21, 2**26, 2**31, 2**36 - 1])
def test_the_number_of_a_frame_is_read_at_any_length(number: int) -> None:
    """They are written as UTF-8 writes characters, and go further than those."""
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


def test_frames_of_several_sizes_are_counted_by_their_samples() -> None:
    def frame(number: int, code: int) -> bytes:
        head = b"\xff\xf9" + bytes([code << 4 | 9, 0x08]) + chr(number).encode()
        return head + bytes([crc8(head)]) + bytes(20)

    frames = [frame(0, 1), frame(192, 2), frame(768, 1)]
    start = b"fLaC\x80\0\0\x22" + bytes(10) + (960).to_bytes(8, "big") + bytes(16)
    info = flac_info(start)
    check_frames(start + b"".join(frames), info, 960)
    with pytest.raises(Unreadable, match="without the frame that follows sample 192 of 960"):
        check_frames(start + frames[0] + frames[2], info, 960)


def id3(size: int, flags: int = 0) -> bytes:
    parts = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    footer = b"3DI\4\0" + bytes([flags]) + parts if flags & 0x10 else b""
    return b"ID3\4\0" + bytes([flags]) + parts + b"x" * size + footer


@pytest.mark.parametrize("tag", [id3(0), id3(5), id3(300_000), id3(20, 0x10), id3(5) + id3(900)], ids=len)
def test_a_flac_behind_a_tag_of_id3_is_the_flac(tag: bytes) -> None:
    np.testing.assert_array_equal(ours(tag + FLAC), theirs(FLAC))


def test_what_a_tag_of_id3_says_is_no_flac_is_refused() -> None:
    with pytest.raises(Unreadable, match="^isn't a sound file: begins with 'ID3"):
        ours(id3(5)[:9])
    with pytest.raises(Unreadable, match="^(is empty|isn't a sound)"):
        ours(id3(500)[:200] + FLAC[:0])


# WAV.

def with_data_size(data: bytes, size: int) -> bytes:
    place = data.index(b"data") + 4
    order = "big" if data[:4] == b"RIFX" else "little"
    return data[:place] + size.to_bytes(4, order) + data[place + 4 :]


UNKNOWN = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x7FFF0000, 0x80000000)


@pytest.mark.parametrize("size", UNKNOWN, ids=hex)
@pytest.mark.parametrize(("samples", "subtype", "endian"), [
    (NOISE, "PCM_16", "LITTLE"), (NOISE, "PCM_16", "BIG"), (STEREO, "PCM_24", "LITTLE"), (STEREO, "FLOAT", "LITTLE")])
def test_a_wav_of_unknown_length_is_read_to_the_end(samples: Any, subtype: str, endian: str, size: int) -> None:
    data = saved(samples, "WAV", subtype, endian=endian)
    block = struct.unpack(">H" if endian == "BIG" else "<H", data[32:34])[0]
    for said in (size, size // block * block):
        for whole in (data, data[:4] + bytes(4) + data[8:]):
            np.testing.assert_array_equal(ours(with_data_size(whole, said)), theirs(data))
            assert decode_audio(with_data_size(whole, said), RATE, 0.1).seconds == len(samples) / RATE


@pytest.mark.parametrize("size", [0, 2**63 - 1, 2**64 - 1], ids=hex)
@pytest.mark.parametrize("short", [0, 0xFFFFFFFF], ids=hex)
def test_an_rf64_of_unknown_length_is_read_to_the_end(size: int, short: int) -> None:
    data = saved(STEREO, "RF64")
    place = data.index(b"ds64") + 16
    unknown = with_data_size(data[:place] + size.to_bytes(8, "little") + data[place + 8 :], short)
    np.testing.assert_array_equal(ours(unknown), theirs(data))
    with pytest.raises(Unreadable, match="^is truncated: a WAV that says it has 16000 samples and ends after 15"):
        ours(data[:-500])


def test_a_wav_without_samples_and_with_more_to_tell_has_none() -> None:
    for more in (b"", b"LIST\x05\0\0\0abcde\0", b"LIST\x04\0\0\0abcdid3 \x02\0\0\0xy"):
        with pytest.raises(Unreadable, match="^has no samples"):
            ours(with_data_size(saved(NOISE[:0], "WAV"), 0) + more)


def test_any_other_length_beyond_the_end_is_a_file_cut_off() -> None:
    data = saved(NOISE, "WAV")
    for size in (len(data), 10**6, 0x7FFFEFFE, 0x70000000):
        with pytest.raises(Unreadable, match="^is truncated: a WAV"):
            ours(with_data_size(data, size))


def test_floats_beyond_1_stay_as_the_file_has_them() -> None:
    loud = (NOISE * 5).astype(np.float32)
    loud[7] = 1e30
    np.testing.assert_array_equal(ours(saved(loud, "WAV", "FLOAT")), loud[:, 0])
