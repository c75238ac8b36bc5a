"""Histograms as SVG that lies in the page and takes its colours: a rectangle an interval, drawn without matplotlib,
since a wide table has hundreds.

    svg = bars([3, 8, 1], ["0 to 1: 3", "1 to 2: 8", "2 to 3: 1"], alt="Histogram of age")
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 320, 64
_GAP, _LEAST = 0.12, 1.5


def bars(counts: Sequence[int], labels: Sequence[str], alt: str) -> str:
    """An <svg>. Each bar tells its label where a mouse rests on it; one that holds anything can be seen."""
    most, step = max(counts, default=0) or 1, WIDTH / max(1, len(counts))
    found = []
    for place, (count, label) in enumerate(zip(counts, labels, strict=True)):
        if count:
            tall = max(_LEAST, HEIGHT * count / most)
            found.append(f'<rect x="{(place + _GAP / 2) * step:.1f}" y="{HEIGHT - tall:.1f}" '
                         f'width="{step * (1 - _GAP):.1f}" height="{tall:.1f}"><title>{escape(label)}</title></rect>')
    return (f'<svg class="bars-plot" role="img" aria-label="{escape(alt)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'preserveAspectRatio="none">{"".join(found)}</svg>')
