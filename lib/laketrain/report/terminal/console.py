"""Consoles and text for rich, shared by what is printed in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

_PIPED_WIDTH = 150


def wide_console() -> Console:
    """A console on standard output, at least 150 columns wide where the output goes to a file or another program."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, _PIPED_WIDTH))


def literal(value: Any, style: str = "") -> Any:
    """A rich Text that shows `value` literally: without markup, and with control codes replaced."""
    from rich.text import Text

    return Text("".join(letter if letter.isprintable() else "�" for letter in str(value)), style)
