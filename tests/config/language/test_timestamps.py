"""Timestamps that Spark and Python read equally."""

from __future__ import annotations

import pytest

from laketrain.config.language.timestamps import SPARK_TIMESTAMP


@pytest.mark.parametrize("text", [
    "2026-11-20", "2026-11-20 03", "2026-11-20T03:15", "2026-11-20 03:15:59", "2026-11-20T03:15:59.123456Z",
    "2026-11-20 03:15:59+01:00", "2026-11-20 03:15:59.5-0330"])
def test_timestamps_are_accepted(text: str) -> None:
    assert SPARK_TIMESTAMP.fullmatch(text)


@pytest.mark.parametrize("text", [
    "20.11.2026", "2026-11", "2026-11-20 03:15Z", "2026-11-20 03:15:59.1234567", "2026-11-20 03:15:59+01",
    "1700000000"])
def test_other_forms_are_not(text: str) -> None:
    assert not SPARK_TIMESTAMP.fullmatch(text)
