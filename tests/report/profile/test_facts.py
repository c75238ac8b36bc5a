from __future__ import annotations

import pytest

from laketrain.report.profile.facts import format_number


@pytest.mark.parametrize(("value", "kind", "text"), [
    (3.0, "number", "3"), (12345.678, "number", "12,346"), (0.00012345, "number", "0.0001234"), (None, "number", "–"),
    (1e300, "number", "1e+300"), (1772323200.0, "time", "2026-03-01"), (1772323261.5, "time", "2026-03-01 00:01:01"),
    (1e15, "time", "1e+15 s since 1970")])
def test_numbers_have_four_significant_figures_and_times_are_dates(value: float | None, kind: str, text: str) -> None:
    assert format_number(value, kind) == text
