from __future__ import annotations

from laketrain.report.svg.histogram import svg_histogram

from ..parsed_page import Page
from ..profiles import HOSTILE


def test_every_interval_with_rows_has_a_visible_bar() -> None:
    page = Page(svg_histogram([60, 0, 1], ["a", "b", HOSTILE], "alt"))
    heights = [float(bar["height"]) for bar in page.of("rect")]
    assert len(heights) == 2 and heights[0] == 64 and heights[1] == 1.5
