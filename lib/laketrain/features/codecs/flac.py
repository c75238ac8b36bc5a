"""What a FLAC says of its samples, and whether all of them are there: its decoder fills a lost frame with silence.

    info = flac_info(data)                        # FlacInfo(samples=32000, bits=16, md5=b"…", first=86)
    check_frames(data, info, wanted)        # where only a part is decoded
    check_md5(info, samples)           # where all are

Each frame has a checksum that the decoder looks at, and a number that it doesn't.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features.codecs.header import Unreadable

_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_SHORTEST = 8  # bytes of a frame
# Bytes of a block size and of a rate behind a frame's number, by their codes in its header.
_SIZE_BYTES, _RATE_BYTES = {6: 1, 7: 2}, {12: 1, 13: 2, 14: 2}


@dataclass(frozen=True)
class FlacInfo:
    """`samples` a channel, 0 where it isn't said; `bits` of each; `md5` of all of them, empty where it isn't said;
    `first`: where the frames begin."""

    samples: int
    bits: int
    md5: bytes
    first: int


@dataclass(frozen=True)
class _Frame:
    """`number` counts frames, or, where their sizes vary, samples; `size` is in samples a channel."""

    number: int
    size: int
    varies: bool

    @property
    def following(self) -> int:
        return self.number + (self.size if self.varies else 1)


def flac_info(data: bytes) -> FlacInfo:
    """Of a file that begins with fLaC.

    Raises:
        Unreadable: it ends before its first frame, or doesn't begin with what all must say.
    """
    place, last = 4, False
    while not last:
        if place + 4 > len(data):
            raise Unreadable(f"is truncated: a FLAC that ends after {len(data)} bytes, before its first frame")
        last = data[place] >= 128
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
    streaminfo = data[8:42]
    if len(streaminfo) < 34 or data[4] & 127:
        raise Unreadable("is damaged: a FLAC that can't be decoded (it doesn't begin with its STREAMINFO)")
    numbers, md5 = int.from_bytes(streaminfo[10:18], "big"), streaminfo[18:]
    return FlacInfo(numbers & (1 << 36) - 1, (numbers >> 36 & 31) + 1, md5 if any(md5) else b"", place)


def with_sample_count(data: bytes, info: FlacInfo) -> tuple[bytes, FlacInfo]:
    """A file of unknown length, as one that says how many samples its frames have."""
    samples = sum(frame.size for frame in _frames(data, info))
    lengths = (int.from_bytes(data[18:26], "big") | samples).to_bytes(8, "big")
    return data[:18] + lengths + data[26:], FlacInfo(samples, info.bits, info.md5, info.first)


def check_frames(data: bytes, info: FlacInfo, wanted: int) -> None:
    """Raises Unreadable where one of the frames with the first `wanted` samples isn't there."""
    found = 0
    for frame in _frames(data, info):
        found += frame.size
        if found >= wanted:
            return
    raise Unreadable(f"is truncated or damaged: a FLAC without the frame that follows sample {found} of {info.samples}")


def check_md5(info: FlacInfo, samples: npt.NDArray[np.signedinteger[Any]]) -> None:
    """Raises Unreadable where all (n, channels) samples, whose highest bit is that of their int16 or int32, aren't what
    their MD5 says."""
    if info.md5 and hashlib.md5(_bytes(samples, info.bits), usedforsecurity=False).digest() != info.md5:
        raise Unreadable("is damaged: a FLAC whose samples aren't what its checksum (MD5) says")


def _bytes(samples: npt.NDArray[np.signedinteger[Any]], bits: int) -> bytes:
    """As the MD5 sees them: whole bytes, the lowest first."""
    width = samples.itemsize
    values = (samples >> (8 * width - bits)).astype(f"<i{width}", copy=False)
    size = -(-bits // 8)
    return values.tobytes() if size == width else values.view(np.uint8).reshape(-1, width)[:, :size].tobytes()


def _frames(data: bytes, info: FlacInfo) -> Iterator[_Frame]:
    """The frames one after the other, up to the first that isn't there. Bytes within a frame may look like the
    first_bytes of one, but hardly of the very one that follows."""
    place, number, varies = info.first, 0, None
    while (match := _SYNC.search(data, place)) is not None:
        frame = _frame(data, match.start())
        if frame is None or frame.number != number or varies not in (None, frame.varies):
            place = match.start() + 1
            continue
        yield frame
        place, number, varies = match.start() + _SHORTEST, frame.following, frame.varies


def _frame(data: bytes, place: int) -> _Frame | None:
    """The frame whose header is here, if it is one, as its checksum tells."""
    head = data[place : place + 16]
    if len(head) < 6 or not head[2] >> 4 or head[3] >> 4 > 10 or head[3] & 1:
        return None
    length = 8 - (head[4] ^ 0xFF).bit_length()  # the leading ones, as in UTF-8
    behind = 4 + max(1, length)
    size = head[2] >> 4
    end = behind + _SIZE_BYTES.get(size, 0) + _RATE_BYTES.get(head[2] & 15, 0)
    if length == 1 or length > 7 or end >= len(head) or _crc8(head[:end]) != head[end]:
        return None
    number = head[4] & (0x7F >> length if length else 0x7F)
    for byte in head[5:behind]:
        number = number << 6 | byte & 63
    return _Frame(number, _samples(size, head[behind:]), bool(head[1] & 1))


def _samples(code: int, behind: bytes) -> int:
    """Samples of a block, by its code from 1 to 15 and by what may follow the frame's number."""
    if code in _SIZE_BYTES:
        return 1 + int.from_bytes(behind[: _SIZE_BYTES[code]], "big")
    if code == 1:
        return 192
    return 576 << code - 2 if code < 6 else 256 << code - 8


def _crc8(data: bytes) -> int:
    """Of the polynomial x⁸ + x² + x + 1."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _shifted(value: int) -> int:
    for _ in range(8):
        value = value << 1 ^ (0x107 if value & 0x80 else 0)
    return value


_CRC8 = bytes(_shifted(value) for value in range(256))
