"""Checks that no frame of a FLAC file is missing. Its decoder would replace it with silence.

    info = flac_info(data)                        # FlacInfo(samples=32000, bits=16, md5=b"…", first=86)
    check_frames(data, info, count)               # if only a part is decoded
    check_md5(info, samples)                      # if all is decoded

Each frame has a checksum, which the decoder checks, and a number, which it doesn't.
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
_SHORTEST = 8  # bytes of the shortest frame
# Bytes of the block size and of the rate after a frame's number, by their codes in its header.
_SIZE_BYTES, _RATE_BYTES = {6: 1, 7: 2}, {12: 1, 13: 2, 14: 2}


@dataclass(frozen=True)
class FlacInfo:
    """`samples` a channel, 0 if unknown; `bits` of a sample; `md5` of all samples, empty if unknown; `first` is the
    offset of the first frame."""

    samples: int
    bits: int
    md5: bytes
    first: int


@dataclass(frozen=True)
class _Frame:
    """`number` counts frames, or samples if their sizes vary; `size` is in samples a channel."""

    number: int
    size: int
    varies: bool

    @property
    def next_number(self) -> int:
        return self.number + (self.size if self.varies else 1)


def flac_info(data: bytes) -> FlacInfo:
    """Reads STREAMINFO of a file that begins with fLaC.

    Raises:
        Unreadable: it ends before its first frame, or STREAMINFO isn't its first block.
    """
    offset, last = 4, False
    while not last:
        if offset + 4 > len(data):
            raise Unreadable(f"is truncated: a FLAC that ends after {len(data)} bytes, before its first frame")
        last = data[offset] >= 128
        offset += 4 + int.from_bytes(data[offset + 1 : offset + 4], "big")
    streaminfo = data[8:42]
    if len(streaminfo) < 34 or data[4] & 127:
        raise Unreadable("is damaged: a FLAC that can't be decoded (it doesn't begin with its STREAMINFO)")
    numbers, md5 = int.from_bytes(streaminfo[10:18], "big"), streaminfo[18:]
    return FlacInfo(numbers & (1 << 36) - 1, (numbers >> 36 & 31) + 1, md5 if any(md5) else b"", offset)


def with_sample_count(data: bytes, info: FlacInfo) -> tuple[bytes, FlacInfo]:
    """The file and its info with the number of samples, counted from its frames."""
    samples = sum(frame.size for frame in _frames(data, info))
    lengths = (int.from_bytes(data[18:26], "big") | samples).to_bytes(8, "big")
    return data[:18] + lengths + data[26:], FlacInfo(samples, info.bits, info.md5, info.first)


def check_frames(data: bytes, info: FlacInfo, count: int) -> None:
    """Raises Unreadable if a frame of the first `count` samples is missing."""
    end = 0
    for frame in _frames(data, info):
        end += frame.size
        if end >= count:
            return
    raise Unreadable(f"is truncated or damaged: a FLAC without the frame that follows sample {end} of {info.samples}")


def check_md5(info: FlacInfo, samples: npt.NDArray[np.signedinteger[Any]]) -> None:
    """Raises Unreadable if all (n, channels) samples differ from their MD5. Their bits are the high ones of int16 or
    int32."""
    if info.md5 and hashlib.md5(_bytes(samples, info.bits), usedforsecurity=False).digest() != info.md5:
        raise Unreadable("is damaged: a FLAC whose samples differ from its checksum (MD5)")


def _bytes(samples: npt.NDArray[np.signedinteger[Any]], bits: int) -> bytes:
    """The bytes that the MD5 is made of: whole bytes, little-endian."""
    width = samples.itemsize
    values = (samples >> (8 * width - bits)).astype(f"<i{width}", copy=False)
    size = -(-bits // 8)
    return values.tobytes() if size == width else values.view(np.uint8).reshape(-1, width)[:, :size].tobytes()


def _frames(data: bytes, info: FlacInfo) -> Iterator[_Frame]:
    """The frames in order, up to the first missing one. Bytes within a frame may look like a frame's start, but hardly
    like that of the next number."""
    start, number, varies = info.first, 0, None
    while (match := _SYNC.search(data, start)) is not None:
        frame = _frame(data, match.start())
        if frame is None or frame.number != number or varies not in (None, frame.varies):
            start = match.start() + 1
            continue
        yield frame
        start, number, varies = match.start() + _SHORTEST, frame.next_number, frame.varies


def _frame(data: bytes, start: int) -> _Frame | None:
    """The frame whose header is at `start`; None if its checksum doesn't match."""
    head = data[start : start + 16]
    if len(head) < 6 or not head[2] >> 4 or head[3] >> 4 > 10 or head[3] & 1:
        return None
    length = 8 - (head[4] ^ 0xFF).bit_length()  # the leading ones, as in UTF-8
    after = 4 + max(1, length)
    size = head[2] >> 4
    end = after + _SIZE_BYTES.get(size, 0) + _RATE_BYTES.get(head[2] & 15, 0)
    if length == 1 or length > 7 or end >= len(head) or _crc8(head[:end]) != head[end]:
        return None
    number = head[4] & (0x7F >> length if length else 0x7F)
    for byte in head[5:after]:
        number = number << 6 | byte & 63
    return _Frame(number, _samples(size, head[after:]), bool(head[1] & 1))


def _samples(code: int, after: bytes) -> int:
    """Samples of a block, from its code, 1 to 15, and from the bytes after the frame's number."""
    if code in _SIZE_BYTES:
        return 1 + int.from_bytes(after[: _SIZE_BYTES[code]], "big")
    if code == 1:
        return 192
    return 576 << code - 2 if code < 6 else 256 << code - 8


def _crc8(data: bytes) -> int:
    """CRC with the polynomial x⁸ + x² + x + 1."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def _crc8_of_byte(value: int) -> int:
    for _ in range(8):
        value = value << 1 ^ (0x107 if value & 0x80 else 0)
    return value


_CRC8 = bytes(_crc8_of_byte(value) for value in range(256))
