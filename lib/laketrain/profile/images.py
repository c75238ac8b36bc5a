"""Image facts of a binary column's files, read from their headers.

    images = ImageCounts()
    images.add(headers, lengths)             # two Arrow columns
    images.summary                           # Images, or None where no file is an image
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from laketrain.features.decode_header import Header, Unreadable, header_of
from laketrain.profile.histogram import NumberCounts, bin_counts, summarize
from laketrain.profile.model import Images, Numbers, Value
from laketrain.profile.values import MAX_COUNTED, ranked

_TOP = 20
_PNG_COLOURS = {0: "GRAY", 2: "RGB", 3: "PALETTE", 4: "GRAY with alpha", 6: "RGB with alpha"}
_NAMES = ("formats", "colours", "sizes", "reasons")


class ImageCounts:
    """Rows by format, colours, size and reason. Sizes aren't counted once there are too many (`crowded`)."""

    def __init__(self) -> None:
        self.rows = {name: Counter[str]() for name in _NAMES}
        self.crowded = False
        self.width, self.height = NumberCounts(), NumberCounts()

    def add(self, headers: pa.Array, lengths: pa.Array) -> None:
        """Counts files by their first bytes and their lengths."""
        widths, heights = list[float](), list[float]()
        for data, length in zip(headers.drop_null().to_pylist(), lengths.drop_null().to_pylist(), strict=True):
            try:
                header = header_of(data)
            except Unreadable as problem:
                self.rows["reasons"][_reason(str(problem), len(data) < length)] += 1
                continue
            self.rows["formats"][header.format] += 1
            self.rows["colours"][_colours(header, data)] += 1
            self.rows["sizes"][f"{header.width} × {header.height}"] += 1
            widths.append(header.width)
            heights.append(header.height)
        self.width.add(np.array(widths, np.float64))
        self.height.add(np.array(heights, np.float64))
        self._bound()

    def merge(self, other: ImageCounts) -> None:
        """Adds the counts of other rows."""
        for name, counts in other.rows.items():
            self.rows[name].update(counts)
        self.crowded = self.crowded or other.crowded
        self.width.merge(other.width)
        self.height.merge(other.height)
        self._bound()

    @property
    def summary(self) -> Images | None:
        """None where no file is an image: then the column contains something else."""
        readable = self.rows["formats"].total()
        if not readable:
            return None
        listed = {name: [Value(value=value, rows=rows) for value, rows in ranked(counts.items())[:_TOP]]
                  for name, counts in self.rows.items()}
        return Images(readable=readable, unreadable=self.rows["reasons"].total(), width=_numbers(self.width),
                      height=_numbers(self.height), **listed)

    def to_json(self) -> dict[str, Any]:
        return {"rows": self.rows, "crowded": self.crowded, "width": self.width.to_json(),
                "height": self.height.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ImageCounts:
        images = cls()
        images.rows = {name: Counter(data["rows"][name]) for name in _NAMES}
        images.crowded = data["crowded"]
        images.width, images.height = NumberCounts.from_json(data["width"]), NumberCounts.from_json(data["height"])
        return images

    def _bound(self) -> None:
        self.crowded = self.crowded or len(self.rows["sizes"]) > MAX_COUNTED
        if self.crowded:
            self.rows["sizes"] = Counter()


def _reason(problem: str, cut: bool) -> str:
    """The problem without the bytes that it may quote."""
    reason = problem.partition(":")[0]
    return "has its size too late in the file" if cut and reason == "is truncated" else reason


def _colours(header: Header, data: bytes) -> str:
    if header.format == "PNG":
        return _PNG_COLOURS.get(data[25] if len(data) > 25 else -1, "unknown")
    return header.plain or ("PALETTE" if header.format == "GIF" else "not in the header")


def _numbers(numbers: NumberCounts) -> Numbers:
    return summarize(numbers, None if numbers.counts is None else bin_counts(numbers, numbers.edges(1)), 1)
