"""Histograms as SVG: a rectangle for each interval. Drawn without matplotlib, since a wide table has hundreds.

    svg = svg_histogram([3, 8, 1], ["0 to 1: 3", "1 to 2: 8", "2 to 3: 1"], alt="Histogram of age")
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 320, 64
_GAP, _LEAST_HEIGHT = 0.12, 1.5


def svg_histogram(counts: Sequence[int], labels: Sequence[str], alt: str) -> str:
    """An <svg> element. Each bar has its label as a tooltip; a bar of at least one row is visible."""
    most, step = max(counts, default=0) or 1, WIDTH / max(1, len(counts))
    rectangles = []
    for index, (count, label) in enumerate(zip(counts, labels, strict=True)):
        if count:
            x, width = (index + _GAP / 2) * step, step * (1 - _GAP)
            height = max(_LEAST_HEIGHT, HEIGHT * count / most)
            rectangles.append(f'<rect x="{x:.1f}" y="{HEIGHT - height:.1f}" width="{width:.1f}" '
                              f'height="{height:.1f}"><title>{escape(label)}</title></rect>')
    return (f'<svg class="bars-plot" role="img" aria-label="{escape(alt)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'preserveAspectRatio="none">{"".join(rectangles)}</svg>')
