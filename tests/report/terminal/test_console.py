"""Texts in a terminal are literal."""

from __future__ import annotations

from laketrain.report.terminal.console import literal, wide_console


def test_markup_is_shown_and_control_codes_are_replaced() -> None:
    text = literal("[red]a\x1b[31m")
    assert text.plain == "[red]a\ufffd[31m"
    assert not text.spans


def test_a_console_without_a_terminal_is_wide() -> None:
    console = wide_console()
    assert console.is_terminal or console.width >= 150
