"""Rows of a dataset as pictures, for people.

    figure = draw(dataset.sample("train", 16), dataset.features, "features/mnist@1, split train")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from laketrain.features import FeatureSet, Image, Label

COLUMNS = 8


def draw(arrays: Mapping[str, npt.NDArray[Any]], features: FeatureSet, title: str) -> Any:
    """A matplotlib figure: the first image feature of each row, with its label and key as caption."""
    from matplotlib.figure import Figure

    images = [name for name, feature in features.items() if isinstance(feature, Image)]
    count = len(next(iter(arrays.values())))
    height = math.ceil(count / COLUMNS)
    figure = Figure(figsize=(COLUMNS * 1.25, height * 1.6 + 0.4), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for index, axes in enumerate(np.atleast_1d(figure.subplots(height, COLUMNS, squeeze=False)).ravel()):
        axes.axis("off")
        if index < count:
            if images:
                axes.imshow(arrays[images[0]][index].squeeze(), cmap="gray_r", interpolation="nearest")
            axes.set_title(caption(arrays, features, index), fontsize=8)
    return figure


def caption(arrays: Mapping[str, npt.NDArray[Any]], features: FeatureSet, row: int) -> str:
    """The labels and keys of a row."""
    said = []
    for name, feature in features.items():
        if isinstance(feature, Label):
            said.append(feature.labels[int(arrays[name][row])])
        elif feature.role == "id":
            said.append(str(arrays[name][row]))
    return "\n".join(said)
