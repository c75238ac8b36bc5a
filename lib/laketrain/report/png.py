"""Pixels as PNG data URIs, which are part of the page itself.

    thumbnail(images[0])            # 'data:image/png;base64,…' of a (28, 28, 1) uint8 array
    heatmap(confusion)              # of a matrix that is too large for a table
"""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt

LARGEST = 160
_RIGHT, _WRONG = (43, 95, 158), (190, 66, 58)
_HEATMAP_SIDE = 640


def thumbnail(pixels: npt.NDArray[Any]) -> str:
    """A picture of (h, w, channels) uint8, scaled down to at most LARGEST pixels a side. One or two channels are shown
    in grey (the second is dropped), three as RGB, four as RGBA; of more, the first three as RGB."""
    from PIL import Image

    channels = pixels.shape[-1]
    shown = pixels[..., 0] if channels < 3 else pixels[..., : 4 if channels == 4 else 3]
    picture = Image.fromarray(np.ascontiguousarray(shown, np.uint8))
    picture.thumbnail((LARGEST, LARGEST))
    return _uri(picture)


def heatmap(confusion: npt.NDArray[Any]) -> str:
    """A confusion matrix, (classes, classes), normalised by true class: blue where right, red where wrong. Shares are
    opacities, so that the picture suits light and dark pages."""
    from PIL import Image

    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    pixels = np.zeros((*confusion.shape, 4), np.uint8)
    pixels[..., :3] = np.where(np.eye(len(confusion), dtype=bool)[..., None], _RIGHT, _WRONG)
    pixels[..., 3] = np.round(255 * np.sqrt(shares))
    side = max(1, _HEATMAP_SIDE // max(1, len(confusion))) * len(confusion)
    return _uri(Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST))


def _uri(picture: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
