"""A YAML file as data and the line of every key, so that errors can name it.

    document = Document.read("conf/mnist.yaml", sets=["train.epochs=3"])
    document.line(("train", "epochs"))     # 41, or None if --set set it

Implicit types are those of YAML 1.2: `on`, `no` and dates are text, `1e-3` is a number. Duplicate keys are refused.
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

_MAX_DEPTH, _MAX_VALUES = 50, 100_000
"""The maximum nesting of a file, and of its values once aliases are expanded."""


_VARIABLE = re.compile(r"\$\{(\w+)(?::([^}]+))?\}")
_STRAY = re.compile(r"\$\{([^}]*)\}?")
_PATH_KEYS = ("lake", "path", "folder", "url", "uri", "init_from")
"""Keys of paths and URLs: there `${` always means a variable. Elsewhere it may be Spark's or Hadoop's."""
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's surprises."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (the base class's own protocol)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Raises an error with the line if the text doesn't fit a tag such as `!!timestamp`."""
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
    """`010` is ten; YAML 1.1 reads it as eight."""
    text, kind = str(loader.construct_scalar(node)), node.tag.rpartition(":")[2]  # type: ignore[arg-type]
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        raise yaml.MarkedYAMLError(problem=f"{text[:40]!r} can't be read as a number",
                                   problem_mark=node.start_mark) from None


_Loader.add_constructor("tag:yaml.org,2002:int", _number)
_Loader.add_constructor("tag:yaml.org,2002:float", _number)


def parse_value(text: str) -> Any:
    """The value that `text` has in a YAML file; text that isn't YAML stays text."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return text


class Document:
    """The data of a file, with the changes of `--set` and the line of each key."""

    def __init__(self, source: str, data: dict[str, Any], lines: dict[Path_, int]) -> None:
        self.source, self.data, self._written, self._lines = source, data, data, lines
        self._set_by: dict[Path_, str] = {}
        """The paths that were set after reading, each with the name of what set it."""
        self.used: set[str] = set()
        """The variables that are used."""

    @classmethod
    def read(cls, path: str | Path, sets: Sequence[str] = ()) -> Document:
        """Reads `path` and applies `sets`, each `dotted.key=value`. Raises ConfigError."""
        source = str(path)
        try:
            text = Path(path).read_text("utf-8")
        except FileNotFoundError:
            raise ConfigError(source, [Problem("file", "there is no such file", _similar_file(Path(path)))]) from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(source, [Problem("file", f"can't be read as UTF-8 text: {error}")]) from None
        return cls.parse(text, source)._with_sets(sets)

    @classmethod
    def of(cls, mapping: Mapping[str, Any], source: str, sets: Sequence[str] = ()) -> Document:
        """A copy of `mapping`, with `sets` applied as in `read`. Raises ConfigError."""
        return cls(source, _copied(mapping, source), {})._with_sets(sets)

    def changed(self, changes: Mapping[str, Any]) -> Document:
        """A copy with a new value at each dotted key. Raises ConfigError if a key doesn't exist."""
        document = Document(self.source, _unshared(self._written), self._lines)
        document._set_by = dict(self._set_by)
        for key, value in changes.items():
            document._set(key, _copied({key: value}, self.source)[key], "changed", f"changed {key}")
        document._substitute()
        return document

    def override(self, key: str, value: Any) -> None:
        """Replaces the value of a section. Errors still point to its line in the file."""
        self.data = {**self.data, key: value}
        self._written = {**self._written, key: value}

    @classmethod
    def parse(cls, text: str, source: str) -> Document:
        """Raises ConfigError if `text` isn't YAML or isn't a mapping."""
        lines: dict[Path_, int] = {}
        with _yaml_errors(text, source):
            loader = _Loader(text)
            try:
                node = loader.get_single_node()
                problems = list(_walk(node, (), lines)) if node else []
                data = _unshared(loader.construct_document(node)) if node and not problems else {}
            finally:
                loader.dispose()
        if node is None or not isinstance(data, dict):
            received = _kind(data if node else None)
            problems.append(Problem("file", f"contains {received}, expected a mapping such as 'name: mnist'", line=1))
        if problems:
            raise ConfigError(source, problems)
        return cls(source, data, lines)

    def line(self, path: Sequence[str | int]) -> int | None:
        """The line of the deepest part of `path` that is in the file; None for what `--set` set."""
        if self._setter(path):
            return None
        parents = (tuple(path[:end]) for end in range(len(path), 0, -1))
        return next((self._lines[part] for part in parents if part in self._lines), None)

    def where(self, path: Sequence[str | int]) -> str:
        """`path` as text, with what set it if that isn't the file."""
        setter = self._setter(path)
        return f"{setter} {_dotted(path)}" if setter else _dotted(path)

    def located(self, problem: Problem) -> Problem:
        """`problem` with the line of its path, and with what set the path."""
        return replace(problem, where=self.where(problem.path), line=self.line(problem.path))

    def path(self, loc: Sequence[str | int], absent: bool = False) -> Path_:
        """The path in the file of a validator's location, i.e. without the names of union members that pydantic
        inserts. With `absent`, the last part is a missing key."""
        here: Any = self.data
        path: Path_ = ()
        for index, part in enumerate(loc):
            if part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here)):
                here = here[part]
                path = (*path, part)
            elif absent and index == len(loc) - 1:
                path = (*path, part)
        return path

    def _setter(self, path: Sequence[str | int]) -> str | None:
        """What set `path` or a part above it; None if it is from the file."""
        ends = range(len(path), 0, -1)
        return next((self._set_by[tuple(path[:end])] for end in ends if tuple(path[:end]) in self._set_by), None)

    def _with_sets(self, sets: Sequence[str]) -> Document:
        """Applies `sets`, fills in the variables, and returns itself."""
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
        """Sets `value` at a dotted key, or the variable of that name."""
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
        """`part` as a key or an index of `here`, the value at `path`. `where` is used in errors."""
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
            problems = [_misused(name, form, variables) for name, form in dict.fromkeys(_VARIABLE.findall(value))]
            problems.append(_stray(value, path[-1] in _PATH_KEYS, variables))
            wrong.extend(Problem(self.where(path), *problem, self.line(path)) for problem in problems if problem)
            self.used |= {name for name, _ in _VARIABLE.findall(value)}
            return value if wrong else _VARIABLE.sub(lambda match: _variable_text(variables[match[1]], match[2]), value)

        self.data = {key: value if key == "variables" else fill(value, (key,))
                     for key, value in self._written.items()}
        if wrong:
            raise ConfigError(self.source, wrong)


def _unusable(name: str, value: Any, variables: dict[str, Any]) -> tuple[str, str] | None:
    """Why the variable can't be used as `${name}`, and the hint."""
    if not re.fullmatch(r"\w+", name):
        return (f"received the name {name!r}, which text can't use",
                f"Use letters, digits and _, e.g. {re.sub(r'[^A-Za-z0-9_]+', '_', name).strip('_') or 'date'}")
    inner = _VARIABLE.search(str(value))
    if inner or _stray(str(value), False, variables):
        return (f"is {str(value)!r}, but variables can't contain variables",
                f"Write its value without ${{…}}, or use both variables where ${{{name}}} is used")
    return None


def _stray(value: str, is_path: bool, variables: dict[str, Any]) -> tuple[str, str] | None:
    """The first part of `value` that looks like a misspelt variable, and the hint; in a path that is anything that
    starts with `${`."""
    for match in _STRAY.finditer(value):
        name = match[1].partition(":")[0].strip()
        if not _VARIABLE.match(value, match.start()) and (is_path or name in variables):
            example = name if name in variables and name.isidentifier() else "name"
            return (f"has {match[0]!r}, which is not filled in",
                    f"Write ${{{example}}} or, for a day, ${{{example}:%Y/%m/%d}}, with one of the variables")
    return None


def _misused(name: str, form: str, variables: dict[str, Any]) -> tuple[str, str] | None:
    """Why `${name:form}` can't be filled in, and the hint."""
    if name not in variables:
        near = nearest(name, variables)
        hint = near if near.startswith("Did") else f"Add it to 'variables:', or --set variables.{name}=…"
        return f"uses ${{{name}}}, which is not among the variables", hint
    try:
        _variable_text(variables[name], form)
    except ValueError:
        return (f"uses ${{{name}:{form}}}, and {name} is {str(variables[name])!r}, which isn't a day",
                f"Use a day such as 2026-11-20, or ${{{name}}} without a format")
    return None


def _variable_text(value: Any, form: str) -> str:
    """A variable's text or, with a format such as %Y/%m, its day in that format."""
    return date.fromisoformat(str(value)).strftime(form) if form else str(value)


@contextmanager
def _yaml_errors(text: str, source: str) -> Iterator[None]:
    """Raises PyYAML's errors while it reads `text` as a ConfigError with the line."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        alias = re.fullmatch(r"found undefined alias '(.*)'", what)
        hint = nearest(alias[1], re.findall(r"(?<![^\s\[{,])&([^\s\[\]{},]+)", text)) if alias else ""
        problem = Problem("YAML", what, hint, mark.line + 1 if mark else None)
    except ReaderError as error:
        what = f"the character U+{ord(text[error.position]):04X} isn't allowed in YAML; is this a text file?"
        problem = Problem("YAML", what, line=text.count("\n", 0, error.position) + 1)
    except RecursionError:
        problem = Problem("YAML", f"is nested deeper than {_MAX_DEPTH} levels")
    else:
        return
    raise ConfigError(source, [problem])


def _walk(node: yaml.Node, path: Path_, lines: dict[Path_, int]) -> Iterator[Problem]:
    """Records the line of every path, and yields problems of keys. Keys are always text: `1:` is the key "1"."""
    if len(path) > _MAX_DEPTH:
        raise RecursionError
    if len(lines) > _MAX_VALUES:
        raise yaml.MarkedYAMLError(problem=f"contains more than {_MAX_VALUES:,} values, counting every use of an "
                                   "alias", problem_mark=node.start_mark)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                yield Problem(_dotted(path), "a key isn't a scalar", line=line)
                continue
            if key.tag != _MERGE:
                key.tag = "tag:yaml.org,2002:str"
            here = (*path, key.value)
            if key.value in seen and key.tag != _MERGE:
                yield Problem(_dotted(here), "this is a duplicate key", f"The first is in line {lines[here]}; keep one",
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
    """A copy in which aliases are separate values, so that `--set` changes only one of them."""
    if isinstance(value, dict):
        return {key: _unshared(below) for key, below in value.items()}
    return [_unshared(below) for below in value] if isinstance(value, list) else value


def _copied(mapping: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A copy of plain mappings and lists. Raises ConfigError if it is nested too deeply or a key isn't text."""
    problems: list[Problem] = []

    def copy(value: Any, path: Path_) -> Any:
        if len(path) > _MAX_DEPTH:
            raise ConfigError(source, [Problem(_dotted(path[:3]), f"is nested deeper than {_MAX_DEPTH} levels")])
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


def _similar_file(path: Path) -> str:
    others = sorted(other for pattern in ("*.yaml", "*.yml") for other in path.parent.glob(pattern))
    # Only the stems: with folder and suffix any two names are similar.
    close = difflib.get_close_matches(path.stem, [other.stem for other in others], n=1)
    near = next((other for other in others if [other.stem] == close), None)
    if near is not None:
        return f"Did you mean {str(near)!r}?"
    return f"There are: {', '.join(map(str, others[:8]))}" if others else ""
