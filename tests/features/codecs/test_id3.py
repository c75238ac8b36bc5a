"""A FLAC file after an ID3 tag is decoded as without it."""

from __future__ import annotations

import numpy as np
import pytest
from tests.features.codecs.sounds import ours, saved, theirs

from laketrain.features.codecs.header import Unreadable

FLAC = saved()


def id3(size: int, flags: int = 0) -> bytes:
    parts = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    footer = b"3DI\4\0" + bytes([flags]) + parts if flags & 0x10 else b""
    return b"ID3\4\0" + bytes([flags]) + parts + b"x" * size + footer


@pytest.mark.parametrize("tag", [id3(0), id3(5), id3(300_000), id3(20, 0x10), id3(5) + id3(900)], ids=len)
def test_an_id3_tag_is_skipped(tag: bytes) -> None:
    np.testing.assert_array_equal(ours(tag + FLAC), theirs(FLAC))


def test_a_file_with_only_a_tag_is_refused() -> None:
    with pytest.raises(Unreadable, match="^isn't a sound file: begins with 'ID3"):
        ours(id3(5)[:9])
    with pytest.raises(Unreadable, match="^(is empty|isn't a sound)"):
        ours(id3(500)[:200] + FLAC[:0])
