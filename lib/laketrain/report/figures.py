"""A run's plots as matplotlib figures, which notebooks display.

    learning_curves(ModelManifest.of(pipeline.version("models/mnist")).history)
    confusion(evaluation)
    mistakes(evaluation, dataset)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from laketrain.features import Image
from laketrain.feed.dataset import Dataset
from laketrain.report.format import weight

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 8


def learning_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Loss and metrics over the epochs, of the train and the validation split.

    Args:
        history: a row for each epoch, as the manifest of a model's version has it.
    """
    from matplotlib.figure import Figure

    names = [name[4:] for name in history[-1] if name.startswith("val_")] or ["loss"]
    figure = Figure(figsize=(4.5 * len(names), 3), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axes.plot(epochs, [row[name] for row in history], label="train")
        if f"val_{name}" in history[-1]:
            axes.plot(epochs, [row[f"val_{name}"] for row in history], "--", label="validation")
        axes.set(title=name, xlabel="epoch")
        axes.legend(frameon=False)
    return figure


def confusion(evaluation: Mapping[str, Any]) -> Figure:
    """Rows, or their weights, by true class (down) and predicted class (across), shaded within each true class.

    Args:
        evaluation: what `Pipeline.evaluate` returns.
    """
    from matplotlib.figure import Figure

    counts, labels = np.array(evaluation["confusion"]), evaluation["labels"]
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    figure = Figure(figsize=(1 + 0.42 * len(labels),) * 2, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(xticks=range(len(labels)), yticks=range(len(labels)), xticklabels=labels, yticklabels=labels,
             xlabel="predicted", ylabel="true", title=f"accuracy {evaluation['metrics']['accuracy']:.4f}")
    for true, predicted in np.argwhere(counts):
        colour = "white" if shares[true, predicted] > 0.5 else "black"
        text = weight(float(counts[true, predicted])) if "weight" in evaluation else counts[true, predicted]
        axes.text(predicted, true, text, ha="center", va="center", color=colour, fontsize=8)
    return figure


def mistakes(evaluation: Mapping[str, Any], dataset: Dataset) -> Figure:
    """The worst mistakes as pictures, each with its true and its predicted class; an empty figure if there are none."""
    from matplotlib.figure import Figure

    worst, labels = evaluation["mistakes"], evaluation["labels"]
    height = max(1, math.ceil(len(worst) / _COLUMNS))
    figure = Figure(figsize=(_COLUMNS * 1.25, 1.6 * height), layout="constrained")
    grid = figure.subplots(height, _COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    image = next((name for name, feature in dataset.features.inputs.items() if isinstance(feature, Image)), None)
    if not worst or image is None:
        return figure
    with dataset.reader(evaluation["split"], [image]) as reader:
        pictures = reader.read(np.array([mistake["row"] for mistake in worst]))[image]
    for axes, picture, mistake in zip(grid, pictures, worst, strict=False):
        axes.imshow(picture.squeeze(), cmap="gray", interpolation="nearest")
        title = f"{labels[mistake['true']]} → {labels[mistake['predicted']]}"
        axes.set_title(f"{title}\n{mistake['probability']:.0%} sure", fontsize=8)
    return figure
