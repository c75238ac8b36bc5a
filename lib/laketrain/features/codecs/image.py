"""Image files to pixels and back: one file at a time, most of the work outside of Python's lock.

    spec = ImageSpec((224, 224, 3), resize="crop")
    pixels = decode_image(data, spec)       # (224, 224, 3) uint8
    data = encode_image(pixels, "jpeg", 90)

JPEGs go to simplejpeg (libjpeg-turbo), which tells what is wrong with them, and opens a small file several times faster
than Pillow does; Pillow decodes all others, CMYK too. Both give the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from laketrain.features.codecs.header import Header, Unreadable, is_complete, read_header
from laketrain.features.codecs.jpeg import decode_jpeg, verify_scan
from laketrain.features.codecs.png import apply_transparent_colour, check_chunks, check_rows

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Pixels = npt.NDArray[np.uint8]
Resize = Literal["none", "stretch", "fit", "crop"]
Filter = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_JPEG_COLOURS = {1: "GRAY", 3: "RGB"}
_OPAQUE = ("1", "L", "RGB", "CMYK", "YCbCr")
_ORIENTATION = 0x0112
_WHITE = (255, 255, 255, 255)
# What Exif's orientation asks for, as Pillow calls it.
_TURNS = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
          8: "ROTATE_90"}


@dataclass(frozen=True)
class ImageSpec:
    """What a file is to become: (height, width, channels), how it gets there, and the most pixels it may have."""

    shape: tuple[int, int, int]
    resize: Resize = "none"
    filter: Filter = "bilinear"
    max_pixels: int = 64_000_000


def decode_image(data: bytes, spec: ImageSpec) -> Pixels:
    """The pixels of a file, of exactly the wanted shape; the first frame of an animated one.

    1 channel is grey (ITU-R 601 luma), 3 are RGB, 4 RGBA. What is transparent lies on white where there is no fourth
    channel; 16-bit values keep their high byte; Exif says which side is up.

    Raises:
        Unreadable: it is no whole image, is larger than `max_pixels`, or has another size and is not to be resized.
    """
    header = read_header(data)
    _refuse_absurd(header.width, header.height, spec)
    pixels, doubt = decode_jpeg(data, header) if header.colours else (None, "")
    if pixels is not None and pixels.shape == spec.shape and not header.exif:
        return pixels
    picture = _opened(data, header, spec) if pixels is None else _upright(_picture(pixels), header)
    if doubt:
        verify_scan(data, doubt)
    shaped = _resized(_in_mode(picture, _MODES[spec.shape[2]]), spec)
    return np.asarray(shaped, np.uint8).reshape(spec.shape)


def is_jpeg_of(data: bytes, shape: tuple[int, int, int]) -> bool:
    """Whether a file that could be decoded is a JPEG of this very height, width and colours, upright as it lies: every
    reader of JPEGs makes the same pixels of it."""
    header = read_header(data)
    return (header.height, header.width, header.plain) == (*shape[:2], _JPEG_COLOURS.get(shape[2]))


def encode_image(pixels: Pixels, format: Literal["png", "jpeg"], quality: int) -> bytes:
    """(h, w, 1 or 3) as a file; `quality` of 1 to 100 counts for JPEG alone."""
    if format == "png":
        file = BytesIO()
        # Level 1: most of what compression saves, at a fraction of its time.
        _picture(pixels).save(file, "PNG", compress_level=1)
        return file.getvalue()
    import simplejpeg

    grey = pixels.shape[2] == 1
    saved: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "GRAY" if grey else "RGB",
                                          "Gray" if grey else "420")
    return saved


def _refuse_absurd(width: int, height: int, spec: ImageSpec) -> None:
    if width * height > spec.max_pixels:
        raise Unreadable(f"is {width}×{height} = {width * height} pixels, at most {spec.max_pixels} are decoded "
                         "(`max_pixels`)")


def _opened(data: bytes, header: Header, spec: ImageSpec) -> Picture:
    """The first frame, decoded and upright."""
    from PIL import Image

    try:
        picture = Image.open(BytesIO(data), formats=[header.format])
        _refuse_absurd(picture.width, picture.height, spec)  # a GIF's frame may be larger than its header says
        picture.load()
        return _upright(_sound(data, picture) if header.format == "PNG" else picture, header, picture)
    except Unreadable:
        raise
    except Exception as error:  # a damaged file makes Pillow raise nearly any of them
        raise Unreadable(_fault(data, header, error)) from error


def _fault(data: bytes, header: Header, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    said = str(error) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        said = "its first bytes say that it is one, the next ones don't"  # Pillow's own text has an address in it
    if isinstance(error, EOFError) or "truncated" in said.lower() or not is_complete(data, header.format):
        return f"is truncated: a {header.format} that ends after {len(data)} bytes ({said})"
    return f"is damaged: a {header.format} that can't be decoded ({said})"


def _sound(data: bytes, picture: Picture) -> Picture:
    """What a PNG holds, once it is known to hold all of it."""
    check_chunks(data)
    check_rows(data, picture)
    return apply_transparent_colour(data, picture)


def _upright(picture: Picture, header: Header, source: Picture | None = None) -> Picture:
    """Turned as Exif says, a JPEG's as its header has it, any other's as `source` does."""
    from PIL import Image

    try:
        exif = Image.Exif()
        if header.format == "JPEG":
            exif.load(header.exif)
        elif source is not None:
            exif = source.getexif()
        turn = _TURNS.get(exif.get(_ORIENTATION, 1))
    except Exception:  # a broken note about the camera says nothing about the pixels
        return picture
    return picture.transpose(Image.Transpose[turn]) if turn else picture


def _picture(pixels: Pixels) -> Picture:
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _in_mode(picture: Picture, mode: str) -> Picture:
    from PIL import Image

    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8))
    if picture.mode in _OPAQUE and "transparency" not in picture.info:
        if picture.mode == mode:
            return picture
        return (picture if picture.mode == "L" else picture.convert("RGB")).convert(mode)
    seen = picture.convert("RGBA")
    if mode == "RGBA":
        return seen
    if seen.getchannel("A").getextrema() != (255, 255):
        seen = Image.alpha_composite(Image.new("RGBA", seen.size, _WHITE), seen)
    return seen.convert("RGB").convert(mode)


def _resized(picture: Picture, spec: ImageSpec) -> Picture:
    from PIL import Image

    height, width, _ = spec.shape
    if picture.size == (width, height):
        return picture
    if spec.resize == "none":
        raise Unreadable(f"is {picture.height}×{picture.width} pixels (height×width), expected {height}×{width}; "
                         "`resize` can be stretch, fit or crop")
    smooth = Image.Resampling[spec.filter.upper()]
    if spec.resize == "fit":
        return _fitted(picture, (width, height), smooth)
    box = _middle(picture.size, width / height) if spec.resize == "crop" else None
    return picture.resize((width, height), smooth, box=box)


def _fitted(picture: Picture, size: tuple[int, int], smooth: Any) -> Picture:
    """The whole picture in the middle, on black."""
    from PIL import Image

    scale = min(size[0] / picture.width, size[1] / picture.height)
    inner = (_near(picture.width * scale, size[0]), _near(picture.height * scale, size[1]))
    result = Image.new(picture.mode, size)
    result.paste(picture.resize(inner, smooth), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return result


def _near(length: float, most: int) -> int:
    return min(most, max(1, round(length)))


def _middle(size: tuple[int, int], aspect: float) -> tuple[float, float, float, float]:
    """The largest box of this width to height in the middle of the picture: left, top, right, bottom."""
    width, height = min(size[0], size[1] * aspect), min(size[1], size[0] / aspect)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height
