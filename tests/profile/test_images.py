"""Files are described by their headers: format, size, colours. What isn't an image is counted with its reason."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from PIL import Image

from laketrain.profile.images import ImageCounts


def picture(width: int, height: int, mode: str = "RGB", form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new(mode, (width, height)).save(content, form)
    return content.getvalue()


FILES = [picture(8, 6), picture(8, 6, "L"), picture(10, 6, "RGBA"), picture(8, 6, form="JPEG"),
         picture(8, 6, "L", "JPEG"), picture(3, 3, "P", "GIF"), b"text that is called .jpg", b"", picture(9, 9)[:20],
         None]


def counts_of(*parts: list[bytes | None]) -> ImageCounts:
    images = ImageCounts()
    for part in parts:
        one = ImageCounts()
        one.add(pa.array(part, pa.binary()), pa.array([None if file is None else len(file) for file in part]))
        images.merge(ImageCounts.from_json(json.loads(json.dumps(one.to_json()))))
    return images


def test_headers_tell_format_size_and_colours() -> None:
    images = counts_of(FILES[:4], FILES[4:]).summary
    assert images is not None
    assert (images.readable, images.unreadable) == (6, 3)
    assert {value.value: value.rows for value in images.formats} == {"PNG": 3, "JPEG": 2, "GIF": 1}
    assert {value.value: value.rows for value in images.sizes} == {"8 × 6": 4, "10 × 6": 1, "3 × 3": 1}
    assert {value.value: value.rows for value in images.colours} == {"RGB": 2, "GRAY": 2, "RGB with alpha": 1,
                                                                    "PALETTE": 1}
    assert {value.value: value.rows for value in images.reasons} == {
        "isn't an image file": 1, "is empty": 1, "is truncated": 1}
    assert (images.width.least, images.width.most, images.height.mean) == (3, 10, (6 * 5 + 3) / 6)


@pytest.mark.parametrize("cut", [0, 3, 9])
def test_any_cut_gives_the_same(cut: int) -> None:
    assert counts_of(FILES[cut:], FILES[:cut]).summary == counts_of(FILES).summary


def test_a_column_of_other_bytes_has_no_images() -> None:
    assert counts_of([b"\x00\x01", b"tensor"]).summary is None


def test_a_size_after_the_first_bytes_is_reported_as_a_reason() -> None:
    counts = ImageCounts()
    counts.add(pa.array([FILES[0], FILES[3][:30]], pa.binary()), pa.array([len(FILES[0]), 99_999]))
    assert counts.summary is not None
    assert [value.value for value in counts.summary.reasons] == ["has its size too late in the file"]


def test_too_many_sizes_are_left_out() -> None:
    images = counts_of([picture(width, height) for width in range(1, 41) for height in range(1, 27)]).summary
    assert images is not None
    assert (images.sizes, images.width.most, images.height.most) == ([], 40, 26)
