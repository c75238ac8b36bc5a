"""Writes docs/reference/api.md from the docstrings of the public classes.

    make reference      # = .venv/bin/python tools/api_reference.py, and the other references

`GROUPS` lists the public names. A test fails where `laketrain` exports one that isn't in it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import laketrain

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "api.md"
HEAD = Path(__file__).with_suffix(".md")
"""The prose above the classes."""

GROUPS: dict[str, tuple[str, ...]] = {
    "Workloads": ("Pipeline", "Workload"),
    "Data": ("Lake", "Dataset", "PetastormDataset", "FeatureSet"),
    "Spark ML": ("KerasEstimator", "KerasModel"),
    "Ranks": ("World",),
    "Base classes": ("Feature", "Task", "Model", "Networks", "TrainStep", "Stage"),
    "Errors": ("LaketrainError", "ConfigError", "Problem", "DataError", "LakeError", "StorageError", "CommitConflict",
               "LaunchError", "RankError", "GateError"),
}
"""Heading → public names."""


def reference() -> str:
    """The whole page."""
    parts = [HEAD.read_text("utf-8")]
    for heading, names in GROUPS.items():
        parts.append(f"\n## {heading}\n")
        parts += [_class(name) for name in names]
    return "".join(parts)


def _class(name: str) -> str:
    cls = getattr(laketrain, name)
    lines = [f"\n### {name}\n", f"```python\nfrom laketrain import {name}\n```\n", _text(cls.__doc__)]
    if not hasattr(cls, "model_fields") and "__init__" in vars(cls):
        lines.insert(2, f"```text\n{_call(name, cls.__init__)}\n```\n")
    rows = [f"| `{signature}` | {text} |" for signature, text in _members(cls)]
    if rows:
        lines += ["| member | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _members(cls: type) -> Iterator[tuple[str, str]]:
    """Signature and description of each documented public method and property of the class itself."""
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        is_method = function is member or isinstance(member, classmethod | staticmethod)
        signature = _call(name, function, lines=False) if is_method else name
        yield signature.replace("|", "\\|"), " ".join(_text(function.__doc__).split()).replace("|", "\\|")


def _call(name: str, function: Any, lines: bool = True) -> str:
    """The call without `self`; with `lines`, and longer than 100, a line for each parameter."""
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    texts = [_parameter(parameter) for parameter in parameters]
    keyword_only = [parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters]
    if True in keyword_only:
        texts.insert(keyword_only.index(True), "*")
    returns = signature.return_annotation
    result = "" if returns in (inspect.Signature.empty, None, "None") else f" -> {returns}"
    line = f"{name}({', '.join(texts)}){result}"
    return line if len(line) <= 100 or not lines else f"{name}(\n    " + ",\n    ".join(texts) + f"\n){result}"


def _parameter(parameter: inspect.Parameter) -> str:
    name = str(parameter.replace(annotation=parameter.empty, default=parameter.empty))
    typed = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    return f"{name}{typed}{default}"


def _text(docstring: str | None) -> str:
    """A docstring as Markdown: `Args:` and the like become bold words in front of their text."""
    text = re.sub(r"^(Args|Returns|Raises):\n((?:    .*\n?)+)",
                  lambda match: f"**{match[1]}:** {' '.join(match[2].split())}\n",
                  inspect.cleandoc(docstring or ""), flags=re.MULTILINE)
    parts = text.split("`")
    return "`".join(part if index % 2 else part.replace("<", "\\<") for index, part in enumerate(parts)) + "\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")
