"""How alike texts and pictures are: the arithmetic behind the rule on near duplicates, which knows no Spark.

    band_hashes(["a text", "another"], shingle=5, bands=21, rows=6)     # (2, 21): alike in one band, perhaps alike
    jaccard("a text", "a test", shingle=5)
    difference_hash(png_bytes)

Broder's MinHash: the minimum of a random hash over a text's runs of characters is the same for two texts with the
probability of their Jaccard similarity. Bands of several such minima find pairs without comparing all with all.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

HASHES = 128
"""Minima a text."""

MOST_PIXELS = 50_000_000
"""A larger picture is not decoded."""

LEAST_CONTRAST = 8
"""Of 256 grey levels, below which a picture is taken for a plain one, whose hash says nothing."""

_SLICE = 2_000_000
"""Characters whose runs are hashed at once: about 100 MB."""

Ints = npt.NDArray[np.uint64]


def bands_for(similarity: float) -> tuple[int, int]:
    """How many bands of how many minima find a pair of that similarity at least 99 times in 100."""
    rows = max(rows for rows in range(1, 17) if (1 - similarity**rows) ** (HASHES // rows) <= 0.01)
    return HASHES // rows, rows


def band_hashes(texts: Sequence[str], shingle: int, bands: int, rows: int) -> npt.NDArray[np.int64]:
    """A hash of each text's minima in each band.

    Args:
        texts: n of them, none empty. A text shorter than `shingle` is one run.
        bands, rows: bands times minima a band.

    Returns:
        (n, bands) int64.
    """
    found = [_minima(part, shingle, bands * rows) for part in _slices(texts)]
    minima = np.concatenate(found) if found else np.empty((0, bands * rows), np.uint64)
    folded = np.zeros((len(minima), bands), np.uint64)
    for row in range(rows):
        folded = _mixed(folded ^ minima[:, row::rows][:, :bands])
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
    """(n, hashes): of each text the least of each hash over its runs; all texts' runs lie in one array."""
    padded = [text.ljust(shingle, "\0") for text in texts]
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    runs = np.array([len(text) - shingle + 1 for text in padded])
    begins = np.cumsum([0, *(len(text) for text in padded[:-1])])
    first = np.cumsum([0, *runs[:-1]])
    # Where each run begins among the characters: the last shingle-1 of a text begin none.
    places = np.arange(runs.sum()) + np.repeat(begins - first, runs)
    hashed = np.zeros(len(places), np.uint64)
    for offset in range(shingle):
        hashed = hashed * np.uint64(0x100000001B3) + codes[places + offset]
    hashed = _mixed(hashed)
    factors, shifts = _mixed(np.arange(2 * hashes, dtype=np.uint64)).reshape(2, hashes)
    minima = np.empty((len(texts), hashes), np.uint64)
    for number in range(hashes):
        minima[:, number] = np.minimum.reduceat(hashed * (factors[number] | np.uint64(1)) + shifts[number], first)
    return minima


def _mixed(values: Ints) -> Ints:
    """SplitMix64's finaliser: every bit depends on all."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def jaccard(one: str, other: str, shingle: int) -> float:
    """The share of runs that both have, of those that either has."""
    ours, theirs = _runs(one, shingle), _runs(other, shingle)
    return len(ours & theirs) / len(ours | theirs)


def _runs(text: str, shingle: int) -> set[str]:
    return {text[start:start + shingle] for start in range(max(1, len(text) - shingle + 1))}


def difference_hash(content: bytes | None) -> int | None:
    """64 bits of a picture, as a signed number: of 8 rows of 9 grey means, whether each is brighter than the one
    before.

    None for what is no picture, too large a one, or a plain one.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content or b"")) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            # JPEG decodes to a fraction of its size for a fraction of the time.
            picture.draft("L", (72, 64))
            grey: Any = np.asarray(picture.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    except Exception:
        # Whatever is wrong with it: to judge that is the image feature's affair.
        return None
    if grey.max() - grey.min() < LEAST_CONTRAST:
        return None
    bits = np.packbits((grey[:, 1:] > grey[:, :-1]).ravel())
    return int(bits.view(">i8")[0])
