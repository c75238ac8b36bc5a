"""Pixels as PNG data URIs: pictures that lie in the page itself.

    tile(images[0])                 # 'data:image/png;base64,…' of a (28, 28, 1) uint8 array
    heat(confusion)                 # of a matrix too large for a table
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST = 160
_RIGHT, _WRONG = (43, 95, 158), (190, 66, 58)
_HEAT_SIDE = 640


def tile(pixels: npt.NDArray[Any]) -> str:
    """A picture of (h, w, channels) uint8, made smaller where it is larger than LARGEST. One channel is grey, two are
    grey with the second left out, three are RGB, four RGBA, and of more the first three are shown."""
    from PIL import Image

    channels = pixels.shape[-1]
    shown = pixels[..., 0] if channels < 3 else pixels[..., : 4 if channels == 4 else 3]
    picture = Image.fromarray(np.ascontiguousarray(shown, np.uint8))
    picture.thumbnail((LARGEST, LARGEST))
    return _uri(picture)


def heat(confusion: npt.NDArray[Any]) -> str:
    """A confusion matrix, (classes, classes): the share of each true class, blue where right and red where wrong.

    Shares are opacities, so that it lies well on a light page and on a dark one.
    """
    from PIL import Image

    whole = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, whole, out=np.zeros(confusion.shape), where=whole > 0)
    pixels = np.zeros((*confusion.shape, 4), np.uint8)
    pixels[..., :3] = np.where(np.eye(len(confusion), dtype=bool)[..., None], _RIGHT, _WRONG)
    pixels[..., 3] = np.round(255 * np.sqrt(shares))
    side = max(1, _HEAT_SIDE // max(1, len(confusion))) * len(confusion)
    return _uri(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST))


def _uri(picture: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
