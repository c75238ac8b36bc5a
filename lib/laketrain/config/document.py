"""A YAML file as data plus the line of every key, so that an error can point at it.

    document = Document.read("conf/mnist.yaml", sets=["train.epochs=3"])
    document.line(("train", "epochs"))     # 41, or None where it came from --set

YAML 1.2's few implicit types: `on`, `no` and dates stay text, `1e-3` is a number. A key twice is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from laketrain.errors import ConfigError, Problem

Path_ = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the base class's own protocol)


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+0123456789.")),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _plain_int(loader: yaml.SafeLoader, node: yaml.Node) -> int:
    """`010` is ten: YAML 1.1 would read it as eight."""
    return int(str(loader.construct_scalar(node)))  # type: ignore[arg-type]


_Loader.add_constructor("tag:yaml.org,2002:int", _plain_int)


def parse_value(text: str) -> Any:
    """The value that `text` would be in the file; text that is no YAML stays text."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError:
        return text


class Document:
    """The data of one file with what `--set` changed, and where each key stands."""

    def __init__(self, source: str, data: dict[str, Any], lines: dict[Path_, int]) -> None:
        self.source, self.data, self._lines = source, data, lines

    @classmethod
    def read(cls, path: str | Path, sets: Sequence[str] = ()) -> Document:
        """Reads `path` and applies `sets`, each `dotted.key=value`. Raises ConfigError."""
        source = str(path)
        try:
            text = Path(path).read_text("utf-8")
        except FileNotFoundError:
            raise ConfigError(source, [Problem("file", "there is no such file", _beside(Path(path)))]) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(source, [Problem("file", f"can't be read as UTF-8 text: {error}")]) from None
        document = cls.parse(text, source)
        for assignment in sets:
            document._set(assignment)
        document._substitute()
        return document

    @classmethod
    def parse(cls, text: str, source: str) -> Document:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Path_, int] = {}
            problems = list(_walk(node, (), lines)) if node else []
            data = loader.construct_document(node) if node and not problems else {}
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else None
            what = " ".join(part for part in (error.context, error.problem) if part)
            raise ConfigError(source, [Problem("YAML", what, line=line)]) from None
        except yaml.YAMLError as error:
            raise ConfigError(source, [Problem("YAML", str(error))]) from None
        finally:
            loader.dispose()
        if not problems and not isinstance(data, dict):
            problems = [Problem("file", f"holds {_kind(data)}, expected a mapping such as 'name: mnist'")]
        if problems:
            raise ConfigError(source, problems)
        return cls(source, data, lines)

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line of the deepest part of `path` that stands in the file. Parts that don't are passed over, since a
        validator's path names union members too."""
        found: int | None = None
        here: Path_ = ()
        for part in path:
            if (*here, part) in self._lines:
                here = (*here, part)
                found = self._lines[here]
        return found

    def _set(self, assignment: str) -> None:
        key, equals, text = assignment.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts):
            raise ConfigError(self.source, [
                Problem("--set", f"received {assignment!r}, expected key=value such as train.epochs=3")
            ])
        value = parse_value(text)
        if len(parts) == 1 and parts[0] in (self.data.get("variables") or {}):
            self.data["variables"][parts[0]] = text
            return
        here: Any = self.data
        for depth, part in enumerate(parts[:-1]):
            here = self._descend(here, part, ".".join(parts[: depth + 1]), assignment)
        if isinstance(here, list):
            here[self._index(here, parts[-1], key, assignment)] = value
        else:
            here[parts[-1]] = value

    def _descend(self, here: Any, part: str, path: str, assignment: str) -> Any:
        if isinstance(here, list):
            return here[self._index(here, part, path, assignment)]
        below = here.setdefault(part, {})
        if not isinstance(below, dict | list):
            raise ConfigError(self.source, [
                Problem(f"--set {assignment}", f"{path} is {_kind(below)}, expected a mapping or a list")
            ])
        return below

    def _index(self, here: list[Any], part: str, path: str, assignment: str) -> int:
        if part.isdigit() and int(part) < len(here):
            return int(part)
        raise ConfigError(self.source, [
            Problem(f"--set {assignment}", f"{path}: received {part!r}, expected an index from 0 to {len(here) - 1}")
        ])

    def _substitute(self) -> None:
        variables = self.data.get("variables") or {}
        if not isinstance(variables, dict):
            return
        missing: list[Problem] = []

        def fill(value: Any, path: Path_) -> Any:
            if isinstance(value, dict):
                return {key: fill(below, (*path, key)) for key, below in value.items()}
            if isinstance(value, list):
                return [fill(below, (*path, index)) for index, below in enumerate(value)]
            if not isinstance(value, str):
                return value
            for name in re.findall(r"\$\{(\w+)\}", value):
                if name not in variables:
                    missing.append(Problem(
                        ".".join(map(str, path)), f"uses ${{{name}}}, which is not among the variables",
                        f"Add it to 'variables:' or pass --set {name}=…", self.line(path)))
            return re.sub(r"\$\{(\w+)\}", lambda match: str(variables.get(match[1], match[0])), value)

        self.data = {key: value if key == "variables" else fill(value, (key,)) for key, value in self.data.items()}
        if missing:
            raise ConfigError(self.source, missing)


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int]) -> Iterable[Problem]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = key.value
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(_dotted(path), "a key is not a plain word", line=key.start_mark.line + 1)
                continue
            if name in seen and name != "<<":
                yield Problem(_dotted((*path, name)), "this key stands twice", "Keep one", key.start_mark.line + 1)
            seen.add(name)
            lines[(*path, name)] = key.start_mark.line + 1
            yield from _walk(value, (*path, name), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            yield from _walk(value, (*path, index), lines)


def _dotted(path: Path_) -> str:
    return ".".join(map(str, path)) or "file"


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false",
            type(None): "nothing"}.get(type(value), type(value).__name__)


def _beside(path: Path) -> str:
    near = sorted(str(other) for pattern in ("*.yaml", "*.yml") for other in path.parent.glob(pattern))
    return f"There are: {', '.join(near[:8])}" if near else ""
