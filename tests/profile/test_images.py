"""Files are told by their headers: format, size, colours; what is no image is counted with its reason."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from PIL import Image

from laketrain.profile.images import ImageTally


def picture(width: int, height: int, mode: str = "RGB", form: str = "PNG") -> bytes:
    content = io.BytesIO()
    Image.new(mode, (width, height)).save(content, form)
    return content.getvalue()


FILES = [picture(8, 6), picture(8, 6, "L"), picture(10, 6, "RGBA"), picture(8, 6, form="JPEG"),
         picture(8, 6, "L", "JPEG"), picture(3, 3, "P", "GIF"), b"text that is called .jpg", b"", picture(9, 9)[:20],
         None]


def tally_of(*parts: list[bytes | None]) -> ImageTally:
    found = ImageTally()
    for part in parts:
        one = ImageTally()
        one.add(pa.array(part, pa.binary()), pa.array([None if file is None else len(file) for file in part]))
        found.merge(ImageTally.from_json(json.loads(json.dumps(one.to_json()))))
    return found


def test_headers_tell_format_size_and_colours() -> None:
    found = tally_of(FILES[:4], FILES[4:]).found
    assert found is not None
    assert (found.readable, found.unreadable) == (6, 3)
    assert {value.value: value.rows for value in found.formats} == {"PNG": 3, "JPEG": 2, "GIF": 1}
    assert {value.value: value.rows for value in found.sizes} == {"8 × 6": 4, "10 × 6": 1, "3 × 3": 1}
    assert {value.value: value.rows for value in found.colours} == {"RGB": 2, "GRAY": 2, "RGB with alpha": 1,
                                                                    "PALETTE": 1}
    assert {value.value: value.rows for value in found.reasons} == {
        "isn't an image file": 1, "is empty": 1, "is truncated": 1}
    assert (found.width.least, found.width.most, found.height.mean) == (3, 10, (6 * 5 + 3) / 6)


@pytest.mark.parametrize("cut", [0, 3, 9])
def test_any_cut_says_the_same(cut: int) -> None:
    assert tally_of(FILES[cut:], FILES[:cut]).found == tally_of(FILES).found


def test_a_column_of_other_bytes_holds_no_images() -> None:
    assert tally_of([b"\x00\x01", b"tensor"]).found is None


def test_a_size_that_comes_after_the_first_bytes_is_said_so() -> None:
    found = ImageTally()
    found.add(pa.array([FILES[0], FILES[3][:30]], pa.binary()), pa.array([len(FILES[0]), 99_999]))
    assert found.found is not None
    assert [value.value for value in found.found.reasons] == ["says its size too late in the file"]


def test_sizes_too_many_to_tell_are_left_out() -> None:
    found = tally_of([picture(width, height) for width in range(1, 41) for height in range(1, 27)]).found
    assert found is not None
    assert (found.sizes, found.width.most, found.height.most) == ([], 40, 26)
