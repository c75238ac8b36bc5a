"""A YAML file as data plus the line of every key, so that an error can point at it.

    document = Document.read("conf/mnist.yaml", sets=["train.epochs=3"])
    document.line(("train", "epochs"))     # 41, or None where it came from --set

YAML 1.2's few implicit types: `on`, `no` and dates stay text, `1e-3` is a number. A key twice is refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from laketrain.errors import ConfigError, Problem, nearest

Path_ = tuple[str | int, ...]

_DEEPEST, _MOST = 50, 100_000
"""How deep a file may nest, and how many values it may hold once its aliases are filled in."""


_VARIABLE = re.compile(r"\$\{(\w+)(?::([^}]+))?\}")
_STRAY = re.compile(r"\$\{([^}]*)\}?")
_PLACES = ("lake", "path", "folder", "url", "uri", "init_from")
"""Keys of what lies somewhere: there `${` is meant as a variable. Elsewhere it may be Spark's or Hadoop's."""
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the base class's own protocol)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """What a tag such as `!!timestamp` asks for, and the text isn't, is told with its place."""
        try:
            return super().construct_object(node, deep)
        except (ArithmeticError, AttributeError, LookupError, ValueError):
            tag = node.tag.rpartition(":")[2]
            raise yaml.MarkedYAMLError(problem=f"{str(node.value)[:40]!r} can't be read as !!{tag}",
                                       problem_mark=node.start_mark) from None


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+0123456789.")),
    ("merge", r"^(?:<<)$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def _number(loader: yaml.SafeLoader, node: yaml.Node) -> int | float:
    """`010` is ten: YAML 1.1 would read it as eight."""
    text, kind = str(loader.construct_scalar(node)), node.tag.rpartition(":")[2]  # type: ignore[arg-type]
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        raise yaml.MarkedYAMLError(problem=f"{text[:40]!r} can't be read as a number",
                                   problem_mark=node.start_mark) from None


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def parse_value(text: str) -> Any:
    """The value that `text` would be in the file; text that is no YAML stays text."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return text


class Document:
    """The data of one file with what `--set` changed, and where each key stands."""

    def __init__(self, source: str, data: dict[str, Any], lines: dict[Path_, int]) -> None:
        self.source, self.data, self._written, self._lines = source, data, data, lines
        self._set_by: dict[Path_, str] = {}
        """The paths that were set after reading, each with what set it."""
        self.used: set[str] = set()
        """The variables that some text uses."""

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
        return cls.parse(text, source)._filled(sets)

    @classmethod
    def of(cls, mapping: Mapping[str, Any], source: str, sets: Sequence[str] = ()) -> Document:
        """A copy of `mapping`, with `sets` applied as in `read`. Raises ConfigError."""
        return cls(source, _copied(mapping, source), {})._filled(sets)

    def changed(self, changes: Mapping[str, Any]) -> Document:
        """A copy with a new value at each dotted key. Raises ConfigError where a key leads nowhere."""
        document = Document(self.source, _unshared(self._written), self._lines)
        document._set_by = dict(self._set_by)
        for key, value in changes.items():
            document._set(key, _copied({key: value}, self.source)[key], "changed", f"changed {key}")
        document._substitute()
        return document

    def override(self, key: str, value: Any) -> None:
        """Replaces the value of a section. Errors still point at its line in the file."""
        self.data = {**self.data, key: value}
        self._written = {**self._written, key: value}

    @classmethod
    def parse(cls, text: str, source: str) -> Document:
        """Raises ConfigError where `text` is no YAML, or no mapping."""
        lines: dict[Path_, int] = {}
        with _taught(text, source):
            loader = _Loader(text)
            try:
                node = loader.get_single_node()
                problems = list(_walk(node, (), lines)) if node else []
                data = _unshared(loader.construct_document(node)) if node and not problems else {}
            finally:
                loader.dispose()
        if node is None or not isinstance(data, dict):
            received = _kind(data if node else None)
            problems.append(Problem("file", f"holds {received}, expected a mapping such as 'name: mnist'", line=1))
        if problems:
            raise ConfigError(source, problems)
        return cls(source, data, lines)

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line of the deepest part of `path` that stands in the file; None for what `--set` gave."""
        if self._setter(path):
            return None
        known = (tuple(path[:end]) for end in range(len(path), 0, -1))
        return next((self._lines[part] for part in known if part in self._lines), None)

    def where(self, path: Sequence[str | int]) -> str:
        """`path` in words, with what it was set by where that isn't the file."""
        setter = self._setter(path)
        return f"{setter} {_dotted(path)}" if setter else _dotted(path)

    def located(self, problem: Problem) -> Problem:
        """`problem` with the line of its path, and with what the path was set by."""
        return replace(problem, where=self.where(problem.path), line=self.line(problem.path))

    def path(self, loc: Sequence[str | int], absent: bool = False) -> Path_:
        """A validator's location as it stands in the file: without the names of union members, which pydantic puts
        between. With `absent`, the last part is a key that ought to be there."""
        here: Any = self.data
        kept: Path_ = ()
        for index, part in enumerate(loc):
            if part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here)):
                here = here[part]
                kept = (*kept, part)
            elif absent and index == len(loc) - 1:
                kept = (*kept, part)
        return kept

    def _setter(self, path: Sequence[str | int]) -> str | None:
        """What set `path` or a part above it; None where it is the file's."""
        ends = range(len(path), 0, -1)
        return next((self._set_by[tuple(path[:end])] for end in ends if tuple(path[:end]) in self._set_by), None)

    def _filled(self, sets: Sequence[str]) -> Document:
        """Itself, once `sets` are applied and the variables filled in."""
        for assignment in sets:
            self._assign(assignment)
        self._substitute()
        return self

    def _assign(self, assignment: str) -> None:
        key, equals, text = assignment.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise ConfigError(self.source, [
                Problem("--set", f"received {assignment!r}, expected key=value such as train.epochs=3")
            ])
        variables = self._written.get("variables")
        is_variable = isinstance(variables, dict) and key.strip() in variables
        self._set(key.strip(), text if is_variable else parse_value(text), "--set", f"--set {assignment}")

    def _set(self, key: str, value: Any, setter: str, where: str) -> None:
        """Puts `value` at a dotted key. A key of one part that names a variable sets that."""
        parts = key.split(".")
        here: Any = self._written
        variables = here.get("variables")
        if isinstance(variables, dict) and key in variables:
            variables[key] = value
            return
        path: Path_ = ()
        for part in parts[:-1]:
            path = (*path, self._part(here, part, path, where))
            if isinstance(here, dict) and here.get(part) is None:
                here[part] = {}
                self._set_by[path] = setter
            here = here[path[-1]]
        path = (*path, self._part(here, parts[-1], path, where))
        here[path[-1]] = value
        self._set_by[path] = setter

    def _part(self, here: Any, part: str, path: Path_, where: str) -> str | int:
        """`part` as a key or an index of `here`, the value at `path`. `where` names what is set, for errors."""
        if isinstance(here, dict):
            return part
        if not isinstance(here, list):
            problem = f"{_dotted(path)} is {_kind(here)}, expected a mapping or a list"
        elif part.isdecimal() and int(part) < len(here):
            return int(part)
        else:
            problem = f"{_dotted(path)}: received {part!r}, expected an index from 0 to {len(here) - 1}"
        raise ConfigError(self.source, [Problem(where, problem)])

    def _substitute(self) -> None:
        self.data = self._written
        variables = self._written.get("variables") or {}
        if not isinstance(variables, dict):
            return
        wrong = [Problem(self.where(("variables", name)), *problem, self.line(("variables", name)))
                 for name, value in variables.items() if (problem := _unusable(name, value, variables))]

        def fill(value: Any, path: Path_) -> Any:
            if isinstance(value, dict):
                return {key: fill(below, (*path, key)) for key, below in value.items()}
            if isinstance(value, list):
                return [fill(below, (*path, index)) for index, below in enumerate(value)]
            if not isinstance(value, str):
                return value
            told = [_misused(name, form, variables) for name, form in dict.fromkeys(_VARIABLE.findall(value))]
            told.append(_stray(value, path[-1] in _PLACES, variables))
            wrong.extend(Problem(self.where(path), *problem, self.line(path)) for problem in told if problem)
            self.used |= {name for name, _ in _VARIABLE.findall(value)}
            return value if wrong else _VARIABLE.sub(lambda match: _variable_text(variables[match[1]], match[2]), value)

        self.data = {key: value if key == "variables" else fill(value, (key,))
                     for key, value in self._written.items()}
        if wrong:
            raise ConfigError(self.source, wrong)


def _unusable(name: str, value: Any, variables: dict[str, Any]) -> tuple[str, str] | None:
    """Why the variable can't be used as `${name}`, and the way out."""
    if not re.fullmatch(r"\w+", name):
        return (f"received the name {name!r}, which text can't use",
                f"Take letters, digits and _, e.g. {re.sub(r'[^A-Za-z0-9_]+', '_', name).strip('_') or 'date'}")
    inner = _VARIABLE.search(str(value))
    if inner or _stray(str(value), False, variables):
        return (f"is {str(value)!r}, and a variable is not filled in within another",
                f"Write what it is without ${{…}}, or use both variables where ${{{name}}} is used")
    return None


def _stray(value: str, place: bool, variables: dict[str, Any]) -> tuple[str, str] | None:
    """What in `value` is meant as a variable and isn't written as one, and the way out; in the name of a `place`
    whatever begins like one."""
    for match in _STRAY.finditer(value):
        name = match[1].partition(":")[0].strip()
        if not _VARIABLE.match(value, match.start()) and (place or name in variables):
            known = name if name in variables and name.isidentifier() else "name"
            return (f"has {match[0]!r}, which is not filled in",
                    f"Write ${{{known}}} or, of a day, ${{{known}:%Y/%m/%d}}, with one of the variables")
    return None


def _misused(name: str, form: str, variables: dict[str, Any]) -> tuple[str, str] | None:
    """Why `${name:form}` can't be filled in, and the way out."""
    if name not in variables:
        near = nearest(name, variables)
        hint = near if near.startswith("Did") else f"Add it to 'variables:', or --set variables.{name}=…"
        return f"uses ${{{name}}}, which is not among the variables", hint
    try:
        _variable_text(variables[name], form)
    except ValueError:
        return (f"uses ${{{name}:{form}}}, and {name} is {str(variables[name])!r}, which is no day",
                f"Give one such as 2026-11-20, or use ${{{name}}} as it is")
    return None


def _variable_text(value: Any, form: str) -> str:
    """A variable's text or, with a form such as %Y/%m, its day in that form."""
    return date.fromisoformat(str(value)).strftime(form) if form else str(value)


@contextmanager
def _taught(text: str, source: str) -> Iterator[None]:
    """What PyYAML raises while it reads `text`, as one problem with its line."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        alias = re.fullmatch(r"found undefined alias '(.*)'", what)
        hint = nearest(alias[1], re.findall(r"(?<![^\s\[{,])&([^\s\[\]{},]+)", text)) if alias else ""
        problem = Problem("YAML", what, hint, mark.line + 1 if mark else None)
    except ReaderError as error:
        what = f"the character U+{ord(text[error.position]):04X} has no place in YAML; is this a text file?"
        problem = Problem("YAML", what, line=text.count("\n", 0, error.position) + 1)
    except RecursionError:
        problem = Problem("YAML", f"is nested deeper than {_DEEPEST} levels")
    else:
        return
    raise ConfigError(source, [problem])


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int]) -> Iterator[Problem]:
    """Notes every path's line; yields what is wrong with keys. A key is always text: `1:` is a name like any other."""
    if len(path) > _DEEPEST:
        raise RecursionError
    if len(lines) > _MOST:
        raise yaml.MarkedYAMLError(problem=f"holds more than {_MOST:,} values, counting each time an alias is used",
                                   problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(_dotted(path), "a key is not a plain word", line=line)
                continue
            if key.tag != _MERGE:
                key.tag = "tag:yaml.org,2002:str"
            here = (*path, key.value)
            if key.value in seen and key.tag != _MERGE:
                yield Problem(_dotted(here), "this key stands twice", f"The first is in line {lines[here]}; keep one",
                              line)
                continue
            seen.add(key.value)
            lines[here] = line
            yield from _walk(value, here, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines[(*path, index)] = value.start_mark.line + 1
            yield from _walk(value, (*path, index), lines)


def _unshared(value: Any) -> Any:
    """A copy in which an anchor's aliases are values of their own, so that `--set` changes one of them."""
    if isinstance(value, dict):
        return {key: _unshared(below) for key, below in value.items()}
    return [_unshared(below) for below in value] if isinstance(value, list) else value


def _copied(mapping: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A copy of plain mappings and lists. Raises ConfigError where it is nested too deeply or a key isn't text."""
    problems: list[Problem] = []

    def copy(value: Any, path: Path_) -> Any:
        if len(path) > _DEEPEST:
            raise ConfigError(source, [Problem(_dotted(path[:3]), f"is nested deeper than {_DEEPEST} levels")])
        if isinstance(value, Mapping):
            problems.extend(Problem(_dotted((*path, key)), f"the key {key!r} is not text")
                            for key in value if not isinstance(key, str))
            return {key: copy(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list | tuple):
            return [copy(below, (*path, index)) for index, below in enumerate(value)]
        return value

    copied: dict[str, Any] = copy(mapping, ())
    if problems:
        raise ConfigError(source, problems)
    return copied


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path)) or "file"


def _kind(value: Any) -> str:
    return {dict: "a mapping", list: "a list", str: "text", int: "a number", float: "a number", bool: "true or false",
            type(None): "nothing"}.get(type(value), type(value).__name__)


def _beside(path: Path) -> str:
    there = sorted(other for pattern in ("*.yaml", "*.yml") for other in path.parent.glob(pattern))
    # The stems alone: folder and ending make any two names alike.
    close = difflib.get_close_matches(path.stem, [other.stem for other in there], n=1)
    near = next((other for other in there if [other.stem] == close), None)
    if near is not None:
        return f"Did you mean {str(near)!r}?"
    return f"There are: {', '.join(map(str, there[:8]))}" if there else ""
