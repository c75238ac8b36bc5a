"""Plots as SVG elements that are part of a page and use its colours."""
