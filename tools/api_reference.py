"""Writes docs/reference/api.md from the docstrings of the public classes, their attributes and methods.

    make reference      # = .venv/bin/python tools/api_reference.py, and the other references

`GROUPS` lists the public names. A test fails where `laketrain` exports one that isn't in it. The docstring of an
attribute is the string below its assignment. Members without a docstring, and inherited ones, are left out.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

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
    rows = [f"| `{_cell(signature)}` | {_cell(_text(docstring))} |"
            for signature, docstring in (*_attributes(cls), *_members(cls))]
    if rows:
        lines += ["| member | |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _attributes(cls: type) -> Iterator[tuple[str, str]]:
    """Declaration and docstring of each documented public attribute that the class itself declares."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    for statement, following in itertools.pairwise(definition.body):
        match statement, following:
            case (ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value),
                  ast.Expr(value=ast.Constant(value=str(docstring)))) if not name.startswith("_"):
                yield f"{name}: {_annotation(annotation)}{_default(value)}", docstring


def _annotation(annotation: ast.expr) -> str:
    """The source of a type, without `ClassVar`."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "ClassVar":
        annotation = annotation.slice
    return ast.unparse(annotation)


def _default(value: ast.expr | None) -> str:
    """The default, if it is a literal."""
    try:
        return "" if value is None else f" = {ast.literal_eval(value)!r}"
    except ValueError:
        return ""


def _members(cls: type) -> Iterator[tuple[str, str]]:
    """Signature and docstring of each documented public method and property of the class itself."""
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", getattr(member, "fget", getattr(member, "func", member)))
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__ or _is_pydantics(cls, name):
            continue
        is_method = function is member or isinstance(member, classmethod | staticmethod)
        yield _call(name, function, lines=False) if is_method else name, function.__doc__


def _is_pydantics(cls: type, name: str) -> bool:
    """Whether the class has a method only because pydantic adds it, as `model_post_init`."""
    return issubclass(cls, BaseModel) and hasattr(BaseModel, name)


def _cell(text: str) -> str:
    """A text for the cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


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
