"""JPEGs with chroma subsampling that libjpeg-turbo doesn't support: read bit by bit, completely, or refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from laketrain.features.codecs.header import Unreadable
from laketrain.features.codecs.image import ImageSpec, decode_image
from laketrain.features.codecs.jpeg_scan import check_scan, is_supported

HEIGHT, WIDTH = 40, 90
SPEC = ImageSpec((HEIGHT, WIDTH, 3))
DATA = b"\xff\xda"


def grey() -> bytes:
    file = io.BytesIO()
    Pillow.new("L", (WIDTH, HEIGHT)).save(file, "JPEG", quality=90)
    return file.getvalue()


def codes(file: bytes, kind: int) -> dict[int, str]:
    """The bits of each symbol in a Huffman table of a file."""
    offset = file.index(b"\xff\xc4")
    while file[offset + 4] != kind:
        offset = file.index(b"\xff\xc4", offset + 1)
    counts, symbols = file[offset + 5 : offset + 21], iter(file[offset + 21 :])
    result, code = dict[int, str](), 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            result[next(symbols)] = f"{code:0{length}b}"
            code += 1
        code <<= 1
    return result


def sampled(factors: list[tuple[int, int]], restart: int = 0) -> bytes:
    """A file of one random value and one random step in each block, with the tables of a grey file of Pillow's."""
    base, random = grey(), np.random.default_rng(3)
    means, steps = codes(base, 0x00), codes(base, 0x10)
    across, down = (max(sizes) for sizes in zip(*factors, strict=True))
    units = -(-WIDTH // (8 * across)) * -(-HEIGHT // (8 * down))
    parts = [""]
    for unit in range(units):
        if restart and unit and unit % restart == 0:
            parts.append("")
        for _ in range(sum(h * v for h, v in factors)):
            value, step = (int(drawn) for drawn in random.integers(1, 16, 2))
            parts[-1] += means[4] + f"{value:04b}" + steps[0x24] + f"{step:04b}" + steps[0x00]
    packed = [int(part + "1" * (-len(part) % 8), 2).to_bytes(-(-len(part) // 8), "big") for part in parts]
    scan = b"".join((bytes([0xFF, 0xD0 + (number - 1) % 8]) if number else b"") + part.replace(b"\xff", b"\xff\0")
                    for number, part in enumerate(packed))
    size, table = base.index(b"\xff\xc0"), base.index(b"\xff\xc4")
    count = len(factors)
    frame = bytes([0xFF, 0xC0, 0, 8 + 3 * count]) + base[size + 4 : size + 9] + bytes([count])
    frame += b"".join(bytes([number, h << 4 | v, 0]) for number, (h, v) in enumerate(factors, 1))
    components = b"".join(bytes([number, 0]) for number in range(1, count + 1))
    restarts = b"\xff\xdd\0\4" + restart.to_bytes(2, "big") if restart else b""
    return b"".join([base[:size], frame, base[table : base.index(DATA)], restarts, DATA,
                     bytes([0, 6 + 2 * count, count]), components, b"\0\x3f\0", scan, b"\xff\xd9"])


ODD = {str(factors): sampled(factors, restart) for factors, restart in [
    ([(3, 1), (1, 1), (1, 1)], 0), ([(2, 2), (2, 1), (1, 1)], 0), ([(1, 1), (1, 2), (2, 1)], 2),
    ([(3, 2), (1, 1), (3, 1)], 3), ([(1, 1), (2, 1), (1, 1), (2, 1)], 0)]}


def refused(data: bytes) -> Any:
    with pytest.raises(Unreadable, match="^is (damaged|truncated): a JPEG") as caught:
        decode_image(data, SPEC)
    return caught


@pytest.mark.parametrize("kind", ODD)
def test_a_complete_file_decodes_as_with_pillow(kind: str) -> None:
    theirs = np.asarray(Pillow.open(io.BytesIO(ODD[kind])).convert("RGB"))
    np.testing.assert_array_equal(decode_image(ODD[kind], SPEC), theirs)
    assert len(np.unique(theirs)) > 50


@pytest.mark.parametrize("kind", ODD)
def test_a_file_that_ends_early_is_refused(kind: str) -> None:
    data = ODD[kind]
    start = data.rindex(DATA) + 20
    for length in (*range(start, len(data) - 3, 37), len(data) - 4):
        refused(data[:length] + b"\xff\xd9")


@pytest.mark.parametrize("kind", ODD)
def test_a_file_with_a_hole_or_with_more_than_its_pixels_is_refused(kind: str) -> None:
    data = ODD[kind]
    middle = (data.rindex(DATA) + len(data)) // 2
    refused(data[:middle] + data[middle + 60 :])
    refused(data[:-2] + bytes(100) + b"\xff\xd9")
    refused(data[:middle] + b"\xff\0" * 40 + data[middle + 80 :])
    np.testing.assert_array_equal(decode_image(data[:-2] + bytes(5) + b"\xff\xd9", SPEC), decode_image(data, SPEC))


def test_a_file_that_cannot_be_checked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = ODD["[(3, 1), (1, 1), (1, 1)]"]
    for offset, marker in ((data.index(b"\xff\xc0"), 0xC2), (data.index(b"\xff\xc0"), 0xC9), (data.rindex(DATA), 0xD9)):
        assert not is_supported(data[: offset + 1] + bytes([marker]) + data[offset + 2 :])
    monkeypatch.setattr("laketrain.features.codecs.jpeg.is_supported", lambda _: False)
    with pytest.raises(Unreadable, match="^is a JPEG that may be damaged"):
        decode_image(data, SPEC)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"restart_marker_blocks": 3}], ids=str)
def test_common_files_are_read(subsampling: int, options: dict[str, Any]) -> None:
    noise = np.random.default_rng(5).integers(0, 256, (37, 41, 3), np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(noise).save(file, "JPEG", quality=95, subsampling=subsampling, **options)
    data = file.getvalue()
    assert is_supported(data)
    check_scan(data)
    middle = (data.index(DATA) + len(data)) // 2
    with pytest.raises(Unreadable, match="^is damaged: a JPEG"):
        check_scan(data[:middle] + data[middle + 100 :])
