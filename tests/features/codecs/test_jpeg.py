"""A JPEG of any kind is decoded as by Pillow, or refused: libjpeg also returns pixels of damaged files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from laketrain.features.codecs.header import Unreadable
from laketrain.features.codecs.image import ImageSpec, decode_image, is_jpeg_of

SIZE = 48
PIXELS = np.random.default_rng(7).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
RGB = Pillow.fromarray(PIXELS)
CMYK = Pillow.merge("CMYK", (*RGB.split(), RGB.transpose(Pillow.Transpose.ROTATE_90).getchannel(0)))
SPEC = ImageSpec((SIZE, SIZE, 3))
EXIF = Pillow.Exif()
EXIF[0x010F] = "a camera"
SCAN = b"\xff\xda"


def saved(picture: Any = RGB, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85, **options)
    return file.getvalue()


def ycck() -> bytes:
    """CMYK stored as YCbCr and K, as by Photoshop."""
    data = bytearray(saved(CMYK))
    data[data.index(b"Adobe") + 11] = 2
    return bytes(data)


def one_scan_a_colour() -> bytes:
    """Three grey files in one."""
    parts = [saved(band) for band in RGB.convert("YCbCr").split()]
    size, table, scan = (parts[0].index(mark) for mark in (b"\xff\xc0", b"\xff\xc4", SCAN))
    three = b"\xff\xc0\0\x11" + parts[0][size + 4 : size + 9] + b"\3\1\x11\0\2\x11\0\3\x11\0"
    scans = [part[scan : scan + 5] + bytes([number]) + part[scan + 6 : -2] for number, part in enumerate(parts, 1)]
    return b"".join([parts[0][:size], three, parts[0][table:scan], *scans, b"\xff\xd9"])


KINDS = {
    "plain": saved(),
    "of a camera": saved(exif=EXIF),
    "of a camera, grey": saved(RGB.convert("L"), exif=EXIF),
    "of a camera, progressive": saved(exif=EXIF, progressive=True),
    "of a camera, with restarts": saved(exif=EXIF, restart_marker_blocks=2),
    "progressive": saved(progressive=True),
    "with a profile of colours": saved(icc_profile=b"\0" * 3000),
    "with a comment": saved(comment=b"by hand"),
    "CMYK": saved(CMYK),
    "CMYK, progressive": saved(CMYK, progressive=True),
    "YCCK": ycck(),
    "RGB": saved(keep_rgb=True),
    "one scan a colour": one_scan_a_colour(),
}
DAMAGES = {
    "ends early": lambda data, scan: data[: (scan + len(data)) // 2] + b"\xff\xd9",
    "has a hole": lambda data, scan: data[: scan + 200] + data[scan + 900 :],
    "goes on as zeros": lambda data, scan: data[: scan + 300] + bytes(len(data) - scan - 302) + b"\xff\xd9",
    "is cut off": lambda data, scan: data[: (scan + len(data)) // 2],
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_of_any_kind_decodes_as_with_pillow(kind: str) -> None:
    theirs = Pillow.open(io.BytesIO(KINDS[kind])).convert("RGB")
    np.testing.assert_array_equal(decode_image(KINDS[kind], SPEC), np.asarray(theirs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_jpeg_of_any_kind_is_refused(kind: str, damage: str) -> None:
    data = KINDS[kind]
    broken = DAMAGES[damage](data, data.rindex(SCAN))
    with pytest.raises(Unreadable, match="^is (damaged: a JPEG|truncated: a JPEG that ends after)"):
        decode_image(broken, SPEC)


@pytest.mark.parametrize("kind", [kind for kind, data in KINDS.items() if data.count(SCAN) > 1])
def test_a_jpeg_that_ends_between_two_scans_is_refused(kind: str) -> None:
    data = KINDS[kind]
    offset = data.index(SCAN)
    while (offset := data.find(SCAN, offset + 1)) > 0:
        with pytest.raises(Unreadable, match="is damaged: a JPEG without its last scans"):
            decode_image(data[:offset] + b"\xff\xd9", SPEC)


def test_comments_between_the_scans_are_not_scans() -> None:
    data = KINDS["progressive"]
    offset = data.rindex(SCAN)
    noted = data[:offset] + b"\xff\xff\xfe\0\x06\xff\xda\xff\xd9" + data[offset:]
    np.testing.assert_array_equal(decode_image(noted, SPEC), decode_image(data, SPEC))


def of_another_jfif(data: bytes) -> bytes:
    offset = data.index(b"JFIF\0") + 5
    return data[:offset] + b"\3" + data[offset + 1 :]


def with_zeros_in_the_scan_header(data: bytes) -> bytes:
    end = data.rindex(SCAN) + 2 + data[data.rindex(SCAN) + 3]
    return data[: end - 3] + b"\0\0\0" + data[end:]


@pytest.mark.parametrize("odd", [of_another_jfif, with_zeros_in_the_scan_header])
def test_damage_after_a_harmless_oddity_is_detected(odd: Any) -> None:
    data = odd(saved(comment=b"\xff\xda"))
    np.testing.assert_array_equal(decode_image(data, SPEC), decode_image(saved(), SPEC))
    for damage in DAMAGES.values():
        with pytest.raises(Unreadable, match="^is (damaged|truncated): a JPEG"):
            decode_image(damage(data, data.rindex(SCAN)), SPEC)


@pytest.mark.parametrize("turn", range(10))
def test_a_jpeg_of_a_camera_is_rotated_as_by_pillow(turn: int) -> None:
    from PIL import ImageOps

    exif = Pillow.Exif()
    exif[0x0112] = turn
    data = saved(RGB.crop((0, 0, 40, 24)), exif=exif)
    theirs = np.asarray(ImageOps.exif_transpose(Pillow.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode_image(data, ImageSpec((*theirs.shape[:2], 3))), theirs)
    assert not is_jpeg_of(data, theirs.shape)


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nonsense"])
def test_a_damaged_exif_segment_does_not_affect_the_pixels(exif: bytes) -> None:
    np.testing.assert_array_equal(decode_image(saved(exif=exif), SPEC), decode_image(saved(), SPEC))
