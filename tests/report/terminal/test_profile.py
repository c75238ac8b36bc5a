from __future__ import annotations

from rich.console import Console

from laketrain.report.profile import ProfileView
from laketrain.report.terminal.profile import print_profile, sparkline

from ..profiles import profile_of


def test_a_profile_has_a_line_for_each_column_its_warnings_and_its_drift() -> None:
    console = Console(width=150, record=True, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    print_profile(ProfileView(profile_of("[red]\x1b"), "lake/profile.html"), console)
    printed = " ".join(console.export_text().split())
    for text in ("clean/shapes@2: 100 rows", "10.0 % ~60 0 1 4 █ ▄", "! x [red]� has 3 NaN", "page: lake/profile.html",
                 "drift since clean/shapes@1: label [red]� strong", "rows 60 → 100 rows"):
        assert text in printed, text


def test_a_sparkline_shows_every_bin_with_rows() -> None:
    assert sparkline([60, 0, 1]) == "█ ▁" and sparkline([]) == ""
