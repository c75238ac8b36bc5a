"""Image files, and the feature that reads them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image as Pillow

from laketrain.features import Image

H, W = 12, 16
RGB = np.random.default_rng(5).integers(0, 256, (3, 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
GREY = np.arange(H * W, dtype=np.uint8).reshape(H, W)
ALPHA = np.dstack([RGB, GREY])


def saved(pixels: Any, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    (pixels if isinstance(pixels, Pillow.Image) else Pillow.fromarray(pixels)).save(file, format, **options)
    return file.getvalue()


def files(**settings: Any) -> Image:
    return Image.model_validate({"column": "content", "encoded": True, "shape": [H, W, 3], **settings})


def reason(data: bytes | None, **settings: Any) -> str | None:
    [why] = files(**settings).check(pa.array([data], pa.binary())).to_pylist()
    return why
