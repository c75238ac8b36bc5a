"""Texts and pictures that are similar, for tests of near duplicates."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy as np
from PIL import Image

from laketrain.spark.minhash import difference_hash

WORDS = ("lake", "train", "spark", "rank", "lane", "row", "split", "dirty", "batch", "epoch", "model", "loss", "table",
         "file", "commit", "draft", "gate", "zone", "font", "text", "image", "sound", "window")


def sentence(seed: int, words: int = 30) -> str:
    choice = random.Random(seed)
    return " ".join(f"{choice.choice(WORDS)}{choice.randrange(100)}" for _ in range(words))


def changed(text: str, seed: int, words: int = 1) -> str:
    choice, parts = random.Random(seed), text.split()
    for _ in range(words):
        parts[choice.randrange(len(parts))] = f"new{choice.randrange(10**6)}"
    return " ".join(parts)


def similarity(one: str, other: str, shingle: int = 5) -> float:
    ours, theirs = runs(one, shingle), runs(other, shingle)
    return len(ours & theirs) / len(ours | theirs)


def runs(text: str, shingle: int) -> set[str]:
    text = " ".join(text.lower().split())
    return {text[start:start + shingle] for start in range(max(1, len(text) - shingle + 1))}


def picture(seed: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    blobs = np.random.default_rng(seed).integers(0, 255, (6, 7, 3), np.uint8)
    return Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def bits(content: bytes) -> int:
    hashed = difference_hash(content)
    assert hashed is not None
    return hashed & (2**64 - 1)
