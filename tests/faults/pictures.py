"""A folder of pictures as they come from people: good ones, odd ones, damaged ones.

    for path, picture in folder().items():      # cat/012.jpg -> Picture(content, message)
        ...

`message` is how the reason begins by which the file is refused; None where it is to become its pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import damage, photos
from .damage import cut
from .photos import photo, saved

CLASSES = ("cat", "dog", "owl", "toad")
GOOD = 150


@dataclass(frozen=True)
class Picture:
    """A file's bytes, and how the reason begins for which it is refused."""

    content: bytes
    message: str | None = None


def folder() -> dict[str, Picture]:
    """By path: 150 plain photos, a folder a class, and 52 others among them."""
    files = {f"{CLASSES[number % 4]}/{number:03d}.{kind}": Picture(saved(photo(number), _FORMATS[kind]))
             for number in range(GOOD) for kind in [("jpg", "png")[number % 2]]}
    return files | others()


def others() -> dict[str, Picture]:
    """What is odd and fine, and what is damaged."""
    made = {f"{CLASSES[number % 4]}/{name}": Picture(make(1000 + number), message)
            for number, (name, (make, message)) in enumerate(_OTHERS.items())}
    return made | {path: Picture(saved(photo(2000), "PNG"), message) for path, message in _PLACES.items()}


_FORMATS: Mapping[str, str] = {"jpg": "JPEG", "png": "PNG"}
_OTHERS: Mapping[str, tuple[Callable[[int], bytes], str | None]] = {
    "printed.jpg": (photos.cmyk, None),
    "deep.png": (photos.sixteen_bits, None),
    "palette.png": (photos.palette, None),
    "clear palette.png": (photos.clear_palette, None),
    "alpha.png": (photos.alpha, None),
    "grey.png": (photos.grey, None),
    "grey alpha.png": (photos.grey_and_alpha, None),
    "two colours.png": (photos.black_and_white, None),
    "grey.jpg": (photos.grey_jpeg, None),
    "progressive.jpg": (photos.progressive, None),
    "turned.jpg": (photos.rotated, None),
    "moving.gif": (photos.animated, None),
    "a jpeg.png": (photos.plain_jpeg, None),
    "a png": (photos.plain_png, None),
    "old.bmp": (photos.bmp, None),
    "new.webp": (photos.webp, None),
    "interlaced.png": (photos.interlaced, None),
    "pixel.png": (photos.one_pixel, None),
    "thread.png": (photos.a_thread, None),
    "garbage behind.jpg": (photos.followed_by_garbage, None),
    "garbage behind.png": (photos.png_followed_by_garbage, None),
    "nothing.jpg": (damage.nothing, "is empty"),
    "zeros.jpg": (damage.zeros, r'''isn't an image file: it begins with "\u0000\u0000'''),
    "letter.jpg": (damage.text, '''isn't an image file: it begins with "Dear all, pl"'''),
    "404.png": (damage.a_web_page, '''isn't an image file: it begins with "<!DOCTYPE ht"'''),
    "drawing.svg": (damage.svg, r'''isn't an image file: it begins with "<svg xmlns=\"'''),
    "photos.zip": (damage.archive, r'''isn't an image file: it begins with "PK\u0003\u0004'''),
    "sound.jpg": (damage.a_sound, r'''isn't an image file: it begins with "RIFF'''),
    "scan.tif": (damage.tiff, r"photo isn't an image file: begins with 'II*\x00"),
    "bomb.png": (damage.bomb, "photo is 10000×9000 = 90000000 pixels, at most 64000000 are decoded"),
    "bomb.jpg": (damage.jpeg_bomb, "photo is 65000×65000 = 4225000000 pixels, at most 64000000 are decoded"),
    "no end.jpg": (damage.no_end, "photo is truncated: a JPEG that ends after"),
    "wrong codes.jpg": (damage.wrong_codes, "photo is damaged: a JPEG that can't be decoded"),
    "no marker.jpg": (damage.no_marker, "photo is damaged: a JPEG without a marker at byte"),
    "no tables.jpg": (damage.no_tables, "photo is damaged: a JPEG that can't be decoded"),
    "checksum.png": (damage.wrong_checksum, "photo is damaged: a PNG that can't be decoded"),
    "checksum of pixels.png": (damage.wrong_checksum_of_pixels, "photo is damaged: a PNG whose IDAT differs from"),
    "a wrong bit.png": (damage.a_wrong_bit, "photo is damaged: a PNG that can't be decoded"),
    "wrong pixels.png": (damage.wrong_pixels, "photo is damaged: a PNG that can't be decoded"),
    "too few pixels.png": (damage.too_few_pixels, "photo is damaged: a PNG that can't be decoded"),
    "no pixels.png": (damage.no_pixels, "photo is damaged: its header has a size of 0×8 pixels"),
    "cut at 4%.jpg": (cut(photos.plain_jpeg, 0.04), "photo is truncated: its"),
    "cut at 50%.jpg": (cut(photos.plain_jpeg, 0.5), "photo is truncated: "),
    "cut at 99%.jpg": (cut(photos.plain_jpeg, 0.99), "photo is truncated: a JPEG that ends after"),
    "cut at 0.4%.png": (cut(photos.plain_png, 0.004), "photo is truncated: its"),
    "cut at 50%.png": (cut(photos.plain_png, 0.5), "photo is truncated: a PNG that ends after"),
    "cut at 80%.webp": (cut(photos.webp, 0.8), "photo is truncated: a WEBP that ends after"),
    "cut at 10%.gif": (cut(photos.animated, 0.1), "photo is truncated: a GIF that ends after"),
}
_PLACES: Mapping[str, str | None] = {
    "wolf/1.png": "received wolf, expected one of cat, dog, owl, toad",
    "cat/older/1.png": "received older, expected one of cat, dog, owl, toad",
    "dog/#1 50%25 ä 猫 [x] {y} 'q\".png": None,
    "owl/ .png": None,
}
