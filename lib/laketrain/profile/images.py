"""What the files in a binary column say of themselves, read from their headers alone.

    images = ImageTally()
    images.add(beginnings, lengths)          # two Arrow columns
    images.found                             # Images, or None where no file is one
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from laketrain.features.codecs.header import Header, Unreadable, read_header
from laketrain.profile.model import Images, Numbers, Value
from laketrain.profile.series import Series, numbers_of, spread
from laketrain.profile.values import MOST, ranked

_TOP = 20
_PNG_COLOURS = {0: "GRAY", 2: "RGB", 3: "PALETTE", 4: "GRAY with alpha", 6: "RGB with alpha"}
_NAMES = ("formats", "colours", "sizes", "reasons")


class ImageTally:
    """Rows by format, colours, size and reason. Sizes are too many to tell where `crowded`."""

    def __init__(self) -> None:
        self.rows = {name: Counter[str]() for name in _NAMES}
        self.crowded = False
        self.width, self.height = Series(), Series()

    def add(self, beginnings: pa.Array, lengths: pa.Array) -> None:
        """Looks at the rows' files, of which `beginnings` may hold only the first bytes."""
        widths, heights = list[float](), list[float]()
        for data, length in zip(beginnings.drop_null().to_pylist(), lengths.drop_null().to_pylist(), strict=True):
            try:
                header = read_header(data)
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

    def merge(self, other: ImageTally) -> None:
        """Adds what another part of the rows holds."""
        for name, counts in other.rows.items():
            self.rows[name].update(counts)
        self.crowded = self.crowded or other.crowded
        self.width.merge(other.width)
        self.height.merge(other.height)
        self._bound()

    @property
    def found(self) -> Images | None:
        """None where no file is an image: then the column holds something else."""
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
    def from_json(cls, data: Mapping[str, Any]) -> ImageTally:
        images = cls()
        images.rows = {name: Counter(data["rows"][name]) for name in _NAMES}
        images.crowded = data["crowded"]
        images.width, images.height = Series.from_json(data["width"]), Series.from_json(data["height"])
        return images

    def _bound(self) -> None:
        self.crowded = self.crowded or len(self.rows["sizes"]) > MOST
        if self.crowded:
            self.rows["sizes"] = Counter()


def _reason(problem: str, cut: bool) -> str:
    """Without the bytes that it may quote."""
    said = problem.partition(":")[0]
    return "says its size too late in the file" if cut and said == "is truncated" else said


def _colours(header: Header, data: bytes) -> str:
    if header.format == "PNG":
        return _PNG_COLOURS.get(data[25] if len(data) > 25 else -1, "unknown")
    return header.plain or ("PALETTE" if header.format == "GIF" else "not said in the header")


def _numbers(series: Series) -> Numbers:
    return numbers_of(series, None if series.counts is None else spread(series, series.edges(1)), 1)
