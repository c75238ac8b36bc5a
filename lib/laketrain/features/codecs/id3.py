"""The tag that some programs put in front of a FLAC, which is none of its contents.

    data = data[id3_end(data):]
"""

from __future__ import annotations

_HEADER = 10
_HAS_FOOTER = 0x10


def id3_end(data: bytes) -> int:
    """Where the contents begin: behind all ID3v2 tags, 0 where there is none. A tag says its size in four times 7
    bits, without its own header."""
    place = 0
    while data[place : place + 3] == b"ID3" and place + _HEADER <= len(data):
        flags, *size = data[place + 5 : place + _HEADER]
        footer = _HEADER if flags & _HAS_FOOTER else 0
        place += _HEADER + footer + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3])
    return place
