"""Rows of a dataset as a matplotlib figure.

    figure = draw(dataset.sample("train", 16), dataset.features, "features/mnist@1, split train")
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import Drawing, FeatureSet
from laketrain.features.base import Look

COLUMNS, WIDE_COLUMNS = 8, 4
_LONGEST_TEXT = 240


def draw(arrays: Mapping[str, npt.NDArray[Any]], features: FeatureSet, title: str) -> Any:
    """A matplotlib figure with one cell a row: its first feature that can be drawn, with labels and key as caption."""
    from matplotlib.figure import Figure

    count = len(next(iter(arrays.values())))
    rows = [_drawings(arrays, features, row) for row in range(count)]
    wide = any(drawing.look != "image" for drawings in rows for drawing in drawings)
    columns = WIDE_COLUMNS if wide else COLUMNS
    height = math.ceil(count / columns)
    size = (10, height * 2.2 + 0.4) if wide else (columns * 1.25, height * 1.6 + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=10)
    for index, axes in enumerate(np.atleast_1d(figure.subplots(height, columns, squeeze=False)).ravel()):
        axes.axis("off")
        if index < count:
            for drawing in rows[index][:1]:
                _DRAW[drawing.look](axes, drawing.data)
            axes.set_title(caption(arrays, features, index), fontsize=8)
    return figure


def caption(arrays: Mapping[str, npt.NDArray[Any]], features: FeatureSet, row: int) -> str:
    """The row's labels, key and the like as text."""
    texts = [feature.caption(arrays[name][row]) for name, feature in features.items()]
    return "\n".join(text for text in texts if text)


def _drawings(arrays: Mapping[str, npt.NDArray[Any]], features: FeatureSet, row: int) -> list[Drawing]:
    drawings = [feature.drawing(arrays[name][row]) for name, feature in features.items()]
    return [drawing for drawing in drawings if drawing is not None]


def _image(axes: Any, data: npt.NDArray[Any]) -> None:
    axes.imshow(data.squeeze(), cmap="gray", interpolation="nearest")


def _heat(axes: Any, data: npt.NDArray[Any]) -> None:
    axes.imshow(data, cmap="magma", aspect="auto", origin="lower", interpolation="nearest")


def _curves(axes: Any, data: npt.NDArray[Any]) -> None:
    axes.axis("on")
    axes.plot(data, linewidth=0.8)
    axes.tick_params(labelsize=6)


def _bars(axes: Any, data: npt.NDArray[Any]) -> None:
    axes.axis("on")
    axes.bar(range(len(data)), data)
    axes.tick_params(labelsize=6)


def _text(axes: Any, data: str) -> None:
    # matplotlib reads text between dollars as a formula.
    text = textwrap.fill(textwrap.shorten(data, _LONGEST_TEXT), 34).replace("$", r"\$")
    axes.text(0, 1, text, fontsize=7, va="top", transform=axes.transAxes)


_DRAW: dict[Look, Callable[[Any, Any], None]] = {
    "image": _image, "heat": _heat, "curves": _curves, "bars": _bars, "text": _text}
