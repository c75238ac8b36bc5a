"""Writes docs/reference/cli.md from the command line's own declarations.

    make reference      # = .venv/bin/python tools/cli_reference.py, and the other references
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer.main

from laketrain.cli import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = Path(__file__).with_suffix(".md")
"""The prose above the commands."""


def reference() -> str:
    """The whole page."""
    group: Any = typer.main.get_command(app)
    return HEAD.read_text("utf-8") + "".join(_command(name, command) for name, command in group.commands.items())


def _command(name: str, command: Any) -> str:
    rows = [_row(parameter) for parameter in command.params]
    table = ["", "| argument | default | meaning |", "|---|---|---|", *rows] if rows else []
    usage = " ".join(["laketrain", name, *_usage(command)])
    return "\n".join(["", f"## laketrain {name}", "", "```text", usage, "```", "",
                      " ".join((command.help or "").split()), *table, ""])


def _usage(command: Any) -> list[str]:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    names = [parameter.name.upper() for parameter in arguments]
    return [name if parameter.required else f"[{name}]" for name, parameter in zip(names, arguments, strict=True)] + (
        ["[OPTIONS]"] if len(arguments) < len(command.params) else [])


def _row(parameter: Any) -> str:
    named = parameter.name.upper() if parameter.param_type_name == "argument" else ", ".join(parameter.opts)
    default = "required" if parameter.required else _default(parameter.default)
    text = " ".join((parameter.help or "").split()).replace("|", "\\|").replace("<", "\\<")
    return f"| `{named}` | {default} | {text} |"


def _default(value: Any) -> str:
    return "" if value in (None, False, (), []) else f"`{value}`"


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")
