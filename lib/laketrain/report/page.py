"""Placeholder"""
from laketrain.lake import Lake
from laketrain.report.record import RunRecord


def render(lake: Lake, record: RunRecord) -> str:
    return "<html></html>"
