"""Skips the ID3 tag that some programs write before the contents of a FLAC file.

    data = data[id3_end(data):]
"""

from __future__ import annotations

_HEADER = 10
_HAS_FOOTER = 0x10


def id3_end(data: bytes) -> int:
    """The offset after all ID3v2 tags; 0 if there are none. A tag's size is four times 7 bits, without its header."""
    offset = 0
    while data[offset : offset + 3] == b"ID3" and offset + _HEADER <= len(data):
        flags, *size = data[offset + 5 : offset + _HEADER]
        footer = _HEADER if flags & _HAS_FOOTER else 0
        offset += _HEADER + footer + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return offset
