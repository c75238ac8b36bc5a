"""MinHash for texts and difference hashes for images, in NumPy: the arithmetic of near duplicates, without Spark.

    band_hashes(["a text", "another"], shingle=5, bands=21, rows=6)     # (2, 21): equal in one band, perhaps similar
    jaccard("a text", "a test", shingle=5)
    difference_hash(png_bytes)

Broder's MinHash: the minimum of a random hash over a text's shingles is equal for two texts with the probability of
their Jaccard similarity. Bands of several minima find candidate pairs without comparing every pair.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

HASHES = 128
"""The number of minima of each text."""

MAX_PIXELS = 50_000_000
"""Larger images aren't decoded."""

MIN_CONTRAST = 8
"""In grey levels of 256. An image with less contrast is plain, and its hash would be noise."""

_SLICE = 2_000_000
"""Characters whose shingles are hashed at once, in about 100 MB."""

Ints = npt.NDArray[np.uint64]


def bands_for(similarity: float) -> tuple[int, int]:
    """The numbers of bands and of minima a band that find a pair of that similarity with a probability of 99 %."""
    rows = max(rows for rows in range(1, 17) if (1 - similarity**rows) ** (HASHES // rows) <= 0.01)
    return HASHES // rows, rows


def band_hashes(texts: Sequence[str], shingle: int, bands: int, rows: int) -> npt.NDArray[np.int64]:
    """Hashes each text's minima, a hash a band.

    Args:
        texts: n texts, none of them empty. A text shorter than `shingle` is a single shingle.
        bands, rows: the number of bands, and of minima a band.

    Returns:
        (n, bands) int64.
    """
    parts = [_minima(part, shingle, bands * rows) for part in _slices(texts)]
    minima = np.concatenate(parts) if parts else np.empty((0, bands * rows), np.uint64)
    folded = np.zeros((len(minima), bands), np.uint64)
    for row in range(rows):
        folded = _mix(folded ^ minima[:, row::rows][:, :bands])
    return folded.view(np.int64)


def _slices(texts: Sequence[str]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for text in texts:
        if part and size + len(text) > _SLICE:
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part


def _minima(texts: list[str], shingle: int, hashes: int) -> Ints:
    """The minimum of each hash over each text's shingles, of the shape (n, hashes)."""
    padded = [text.ljust(shingle, "\0") for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    counts = np.array([len(text) - shingle + 1 for text in padded])
    begins = np.cumsum([0, *(len(text) for text in padded[:-1])])
    first = np.cumsum([0, *counts[:-1]])
    # The index of each shingle's first character; no shingle begins at the last shingle-1 characters of a text.
    starts = np.arange(counts.sum()) + np.repeat(begins - first, counts)
    hashed = np.zeros(len(starts), np.uint64)
    for offset in range(shingle):
        hashed = hashed * np.uint64(0x100000001B3) + codes[starts + offset]
    hashed = _mix(hashed)
    factors, shifts = _mix(np.arange(2 * hashes, dtype=np.uint64)).reshape(2, hashes)
    minima = np.empty((len(texts), hashes), np.uint64)
    for number in range(hashes):
        minima[:, number] = np.minimum.reduceat(hashed * (factors[number] | np.uint64(1)) + shifts[number], first)
    return minima


def _mix(values: Ints) -> Ints:
    """SplitMix64's finaliser: each output bit depends on every input bit."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def jaccard(a: str, b: str, shingle: int) -> float:
    """The Jaccard similarity of two texts' shingles: the size of their intersection divided by that of their union."""
    left, right = _shingles(a, shingle), _shingles(b, shingle)
    return len(left & right) / len(left | right)


def _shingles(text: str, shingle: int) -> set[str]:
    return {text[start:start + shingle] for start in range(max(1, len(text) - shingle + 1))}


def difference_hash(content: bytes | None) -> int | None:
    """The 64-bit difference hash of an image, as a signed integer: in 8 rows of 9 grey means, whether each is brighter
    than the previous one. None where the content isn't an image, and for images that are too large or plain."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content or b"")) as image:
            if image.width * image.height > MAX_PIXELS:
                return None
            # Decodes a JPEG at a reduced size, which is faster.
            image.draft("L", (72, 64))
            grey: Any = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    except Exception:
        # The image feature checks images and reports what is wrong.
        return None
    if grey.max() - grey.min() < MIN_CONTRAST:
        return None
    bits = np.packbits((grey[:, 1:] > grey[:, :-1]).ravel())
    return int(bits.view(">i8")[0])
