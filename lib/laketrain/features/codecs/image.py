"""Decodes and encodes one image file, with most of the work outside of the GIL.

    spec = ImageSpec((224, 224, 3), resize="crop")
    pixels = decode_image(data, spec)       # (224, 224, 3) uint8
    data = encode_image(pixels, "jpeg", 90)

simplejpeg (libjpeg-turbo) decodes JPEGs: it reports damage, and opens a small file several times faster than Pillow.
Pillow decodes all other files, and CMYK JPEGs. Both give the same pixels.
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
# Exif's orientation as Pillow's Transpose.
_TRANSPOSE = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270",
              7: "TRANSVERSE", 8: "ROTATE_90"}


@dataclass(frozen=True)
class ImageSpec:
    """Shape of the decoded image (height, width, channels), how files of another size are resized, and the most pixels
    that a file may have."""

    shape: tuple[int, int, int]
    resize: Resize = "none"
    filter: Filter = "bilinear"
    max_pixels: int = 64_000_000


def decode_image(data: bytes, spec: ImageSpec) -> Pixels:
    """The pixels of a file, of `spec.shape`; the first frame of an animation.

    1 channel is grey (ITU-R 601 luma), 3 are RGB, 4 RGBA. Without a fourth channel, transparent pixels are blended with
    white. 16-bit values keep their high byte. Exif's orientation is applied.

    Raises:
        Unreadable: it isn't a whole image, has more than `max_pixels`, or has another size and `resize` is none.
    """
    header = read_header(data)
    _check_size(header.width, header.height, spec)
    pixels, doubt = decode_jpeg(data, header) if header.colours else (None, "")
    if pixels is not None and pixels.shape == spec.shape and not header.exif:
        return pixels
    picture = _open(data, header, spec) if pixels is None else _orient(_to_picture(pixels), header)
    if doubt:
        verify_scan(data, doubt)
    shaped = _resize(_to_mode(picture, _MODES[spec.shape[2]]), spec)
    return np.asarray(shaped, np.uint8).reshape(spec.shape)


def is_jpeg_of(data: bytes, shape: tuple[int, int, int]) -> bool:
    """Whether a decodable file is a JPEG of this height, width and colours without Exif. Every JPEG reader decodes it
    to the same pixels."""
    header = read_header(data)
    return (header.height, header.width, header.plain) == (*shape[:2], _JPEG_COLOURS.get(shape[2]))


def encode_image(pixels: Pixels, format: Literal["png", "jpeg"], quality: int) -> bytes:
    """(h, w, 1 or 3) pixels as a file; `quality`, 1 to 100, is of JPEG only."""
    if format == "png":
        file = BytesIO()
        # Level 1 saves most of the bytes that higher levels save, in a fraction of the time.
        _to_picture(pixels).save(file, "PNG", compress_level=1)
        return file.getvalue()
    import simplejpeg

    grey = pixels.shape[2] == 1
    saved: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality, "GRAY" if grey else "RGB",
                                          "Gray" if grey else "420")
    return saved


def _check_size(width: int, height: int, spec: ImageSpec) -> None:
    if width * height > spec.max_pixels:
        raise Unreadable(f"is {width}×{height} = {width * height} pixels, at most {spec.max_pixels} are decoded "
                         "(`max_pixels`)")


def _open(data: bytes, header: Header, spec: ImageSpec) -> Picture:
    """The first frame, decoded and with Exif's orientation applied."""
    from PIL import Image

    try:
        picture = Image.open(BytesIO(data), formats=[header.format])
        _check_size(picture.width, picture.height, spec)  # a GIF's frame may be larger than its header says
        picture.load()
        return _orient(_checked_png(data, picture) if header.format == "PNG" else picture, header, picture)
    except Unreadable:
        raise
    except Exception as error:  # Pillow may raise nearly any exception for a damaged file
        raise Unreadable(_fault(data, header, error)) from error


def _fault(data: bytes, header: Header, error: Exception) -> str:
    from PIL import UnidentifiedImageError

    message = str(error) or type(error).__name__
    if isinstance(error, UnidentifiedImageError):
        message = "only its first bytes are of this format"  # Pillow's own text contains an address in memory
    if isinstance(error, EOFError) or "truncated" in message.lower() or not is_complete(data, header.format):
        return f"is truncated: a {header.format} that ends after {len(data)} bytes ({message})"
    return f"is damaged: a {header.format} that can't be decoded ({message})"


def _checked_png(data: bytes, picture: Picture) -> Picture:
    """Checks that the PNG is complete, and applies its transparent colour."""
    check_chunks(data)
    check_rows(data, picture)
    return apply_transparent_colour(data, picture)


def _orient(picture: Picture, header: Header, source: Picture | None = None) -> Picture:
    """Applies Exif's orientation: a JPEG's from its header, any other's from `source`."""
    from PIL import Image

    try:
        exif = Image.Exif()
        if header.format == "JPEG":
            exif.load(header.exif)
        elif source is not None:
            exif = source.getexif()
        method = _TRANSPOSE.get(exif.get(_ORIENTATION, 1))
    except Exception:  # a damaged Exif segment doesn't affect the pixels
        return picture
    return picture.transpose(Image.Transpose[method]) if method else picture


def _to_picture(pixels: Pixels) -> Picture:
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _to_mode(picture: Picture, mode: str) -> Picture:
    from PIL import Image

    if picture.mode.startswith("I"):
        picture = Image.fromarray((np.asarray(picture).astype(np.int64) >> 8).astype(np.uint8))
    if picture.mode in _OPAQUE and "transparency" not in picture.info:
        if picture.mode == mode:
            return picture
        return (picture if picture.mode == "L" else picture.convert("RGB")).convert(mode)
    rgba = picture.convert("RGBA")
    if mode == "RGBA":
        return rgba
    if rgba.getchannel("A").getextrema() != (255, 255):
        rgba = Image.alpha_composite(Image.new("RGBA", rgba.size, _WHITE), rgba)
    return rgba.convert("RGB").convert(mode)


def _resize(picture: Picture, spec: ImageSpec) -> Picture:
    from PIL import Image

    height, width, _ = spec.shape
    if picture.size == (width, height):
        return picture
    if spec.resize == "none":
        raise Unreadable(f"is {picture.height}×{picture.width} pixels (height×width), expected {height}×{width}; "
                         "`resize` can be stretch, fit or crop")
    method = Image.Resampling[spec.filter.upper()]
    if spec.resize == "fit":
        return _fit(picture, (width, height), method)
    box = _centre_box(picture.size, width / height) if spec.resize == "crop" else None
    return picture.resize((width, height), method, box=box)


def _fit(picture: Picture, size: tuple[int, int], method: Any) -> Picture:
    """The whole picture, centred on black."""
    from PIL import Image

    scale = min(size[0] / picture.width, size[1] / picture.height)
    inner = (_round(picture.width * scale, size[0]), _round(picture.height * scale, size[1]))
    result = Image.new(picture.mode, size)
    result.paste(picture.resize(inner, method), ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return result


def _round(length: float, most: int) -> int:
    return min(most, max(1, round(length)))


def _centre_box(size: tuple[int, int], aspect: float) -> tuple[float, float, float, float]:
    """The largest centred box of this aspect ratio (width / height): left, top, right, bottom."""
    width, height = min(size[0], size[1] * aspect), min(size[1], size[0] / aspect)
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return left, top, left + width, top + height
