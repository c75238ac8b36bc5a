"""Learning curves and scatter plots as SVG in the page's own colours and fonts, so that they follow its light, dark and
print styles.

    svg = learning_curve([{"epoch": 1, "loss": 0.4, "val_loss": 0.3}, …], "loss", alt="…", key="curve-0")

Only numbers are drawn. Names, which may contain anything, are in the page's own escaped text.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from laketrain.report.format import is_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import Locator

# Colours for matplotlib, and the CSS variables that replace them.
_TRAIN, _VALIDATION, _SOFT, _LINE = "#010203", "#040506", "#070809", "#0a0b0c"
_COLOURS = {_TRAIN: "var(--accent)", _VALIDATION: "var(--second)", _SOFT: "var(--soft)", _LINE: "var(--line)"}
_INCHES = (4.5, 2.3)
_MOST_MARKERS = 30


def learning_curve(history: Sequence[Mapping[str, Any]], name: str, alt: str, key: str) -> str:
    """The metric `name` over the epochs, and `val_<name>` where the history has it. `key` is the prefix of the ids."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    for metric, colour, dashes in ((name, _TRAIN, "-"), (f"val_{name}", _VALIDATION, (0, (4, 1.6)))):
        points = [(row["epoch"], row[metric]) for row in history
                  if is_number(row.get("epoch")) and is_number(row.get(metric))]
        if points:
            epochs, values = zip(*points, strict=True)
            axes.plot(epochs, values, color=colour, linestyle=dashes, linewidth=1.8, solid_capstyle="round",
                      marker="o" if len(points) <= _MOST_MARKERS else None, markersize=3.4 if len(points) > 1 else 6)
    _style_axes(axes)
    if len(history) == 1:
        epoch = int(history[0].get("epoch", 1))
        axes.set_xlim(epoch - 0.5, epoch + 0.5)
        axes.set_xticks([epoch])
    return _svg(figure, alt, key)


def scatter(true: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64], alt: str, key: str) -> str:
    """Predicted over true values, (n,) each, with the diagonal. `key` is the prefix of the ids."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_INCHES, layout="constrained")
    axes = figure.subplots()
    ends = [min(true.min(initial=np.inf), predicted.min(initial=np.inf)),
            max(true.max(initial=-np.inf), predicted.max(initial=-np.inf))]
    if len(true):
        axes.plot(ends, ends, color=_SOFT, linewidth=1, linestyle=(0, (4, 1.6)))
        axes.plot(true, predicted, color=_TRAIN, linestyle="", marker="o", markersize=2.6, alpha=0.6,
                  markeredgewidth=0)
    _style_axes(axes)
    axes.set_xlabel("true", color=_SOFT, fontsize=8.5)
    axes.set_ylabel("predicted", color=_SOFT, fontsize=8.5)
    axes.xaxis.set_major_locator(_few_ticks())
    return _svg(figure, alt, key)


def _few_ticks() -> Locator:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(6)


def _style_axes(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_xlabel("epoch", color=_SOFT, fontsize=8.5)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.tick_params(colors=_SOFT, labelsize=8.5, length=0, pad=5)
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(x=0.03, y=0.12)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_LINE)


def _svg(figure: Figure, alt: str, key: str) -> str:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": key}):
        FigureCanvasSVG(figure).print_svg(buffer)
    return _embedded(buffer.getvalue(), alt, key)


def _embedded(text: str, alt: str, key: str) -> str:
    """The <svg> element alone, with prefixed ids, the page's colours and its fonts."""
    body = text[text.index(">", text.index("<svg")) + 1:]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", body)
    body = re.sub(r"font: ([0-9.]+px)[^;\"]*", r"font-size: \1", body)
    for colour, variable in _COLOURS.items():
        body = body.replace(colour, variable)
    width, height = (72 * inches for inches in _INCHES)
    return (f'<svg class="plot" role="img" aria-label="{html.escape(alt)}" viewBox="0 0 {width:g} {height:g}">' + body)
