"""Plots are SVG elements in the colours of the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from laketrain.report.svg.plots import learning_curve, scatter

HISTORY = [{"epoch": 1, "loss": 0.5, "val_loss": 0.6}, {"epoch": 2, "loss": 0.4, "val_loss": float("nan")}]


@pytest.mark.parametrize("svg", [
    learning_curve(HISTORY, "loss", "Loss <by> epoch", "curve-0"),
    learning_curve(HISTORY[:1], "loss", "Loss <by> epoch", "c"),
    scatter(np.array([1.0, 2.0]), np.array([1.5, 2.5]), "Loss <by> epoch", "s"),
    scatter(np.zeros(0), np.zeros(0), "Loss <by> epoch", "s")], ids=["curve", "one epoch", "scatter", "no rows"])
def test_a_plot_is_one_described_element(svg: str) -> None:
    element = ET.fromstring(svg.replace("xlink:href", "href"))
    assert element.get("role") == "img"
    assert element.get("aria-label") == "Loss <by> epoch"
    assert "var(--" in svg
    assert "#010203" not in svg


def test_ids_have_the_key_so_that_plots_share_a_page() -> None:
    def ids(key: str) -> set[str]:
        return set(re.findall(r' id="([^"]+)"', learning_curve(HISTORY, "loss", "a", key)))

    assert ids("a") and not ids("a") & ids("b")
