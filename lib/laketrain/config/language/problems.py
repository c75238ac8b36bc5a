"""Turns pydantic's validation errors into problems with what was received, what is accepted and the nearest name.

    try: Workload.model_validate(document.data)
    except ValidationError as error: problems = explain(error, Workload, document)
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from laketrain.config.base import Section
from laketrain.config.language.document import Document
from laketrain.errors import Problem, nearest

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "literal_error": "{expected}",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "at least {min_length} of them",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
}
"""What was expected, by the type of pydantic's error; formatted with the fields of its context."""

_FORMS = {
    r"^[A-Za-z0-9][A-Za-z0-9_-]*$": "a name of letters, digits, _ and -",
    r"^[a-z][a-z0-9_]*$": "a name of small letters, digits and _, the first a letter",
}
"""The patterns of `config.base` in words."""


def explain(
    error: ValidationError, model: type[BaseModel], document: Document, prefix: Sequence[str | int] = ()
) -> list[Problem]:
    """One problem per error of `model`, which was parsed from the part of `document` at `prefix`."""
    problems = []
    for details in _by_location(error.errors()):
        detail = details[0]
        missing = detail["type"] == "missing"
        path = document.path((*prefix, *detail["loc"]), absent=missing)
        text, hint = _describe(details, model)
        problems.append(Problem(document.where(path), text, hint, document.line(path)))
    return problems


def _describe(details: list[ErrorDetails], model: type[BaseModel]) -> tuple[str, str]:
    detail = details[0]
    kind, received, context, loc = detail["type"], detail["input"], detail.get("ctx", {}), detail["loc"]
    name = str(loc[-1]) if loc else "file"
    if kind == "extra_forbidden":
        section = next(_sections(_at(model, loc[:-1])), None)
        former = section.former.get(name) if section and issubclass(section, Section) else None
        return f"unknown key {name!r}", former or nearest(name, _accepted(_at(model, loc[:-1])))
    if kind == "missing":
        return f"the key {name!r} is missing, received {_show(received)}", ""
    if kind == "union_tag_invalid":
        options = _literals(context["expected_tags"])
        return f"unknown {_unquoted(context['discriminator'])} {context['tag']!r}", nearest(context["tag"], options)
    if kind == "union_tag_not_found":
        key = _unquoted(context["discriminator"])
        tags = ", ".join(tag for section in _sections(_at(model, loc)) if (tag := _tag(section)))
        return f"received {_show(received)}, expected the key {key!r} among them", f"Accepted as {key}: {tags}"
    if kind == "value_error":
        problem, *hints = context["error"].args
        return str(problem), "".join(hints)
    if kind in ("model_type", "model_attributes_type"):
        return f"received {_show(received)}, expected a mapping", _keys_of(list(_sections(_at(model, loc))))
    expected = [_expected(each) for each in details]
    problem = f"received {_show(received)}, expected {' or '.join(dict.fromkeys(expected))}"
    options = [option for each in details if each["type"] == "literal_error"
               for option in _literals(each["ctx"]["expected"])]
    if options and isinstance(received, str):
        close = nearest(received, options)
        return problem, close if close.startswith("Did") else ""
    quotes = kind == "string_type" and isinstance(received, int | float)
    return problem, "Put it in quotes" if quotes and len(details) == 1 else ""


def _expected(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "string_pattern_mismatch":
        return _FORMS.get(context["pattern"], f"text of the form {context['pattern']}")
    if detail["type"] in _EXPECTED:
        return _EXPECTED[detail["type"]].format(**context)
    return detail["msg"][0].lower() + detail["msg"][1:]


def _literals(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ", ").split(",")]


def _unquoted(text: str) -> str:
    return text.strip("'")


def _show(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return f"a mapping with the keys {', '.join(map(str, value))}" if value else "an empty mapping"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    kind = {str: "text", int: "a whole number", float: "a number"}
    text = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "…"
    return f"{text} ({kind.get(type(value), type(value).__name__)})"


def _keys_of(sections: list[type[BaseModel]]) -> str:
    """Describes the accepted mapping: its keys, or how to choose among several."""
    if len(sections) == 1:
        return f"Its keys: {', '.join(_accepted(sections[0]))}"
    tags = [tag for section in sections if (tag := _tag(section))]
    key = next((key for section in sections if (key := _tag_key(section))), "")
    return f"E.g. {{{key}: {tags[0]}}}; accepted as {key}: {', '.join(tags)}" if tags else ""


def _by_location(errors: list[ErrorDetails]) -> Iterator[list[ErrorDetails]]:
    """Groups errors by location: a plain union (`int | 'auto'`) fails once for each of its members."""
    groups: dict[tuple[Any, ...], list[ErrorDetails]] = {}
    for detail in errors:
        loc = detail["loc"]
        is_member = bool(loc) and isinstance(loc[-1], str) and (
            loc[-1] in {"int", "float", "str", "bool"} or "[" in loc[-1] or loc[-1].startswith("constrained-"))
        key = loc[:-1] if is_member else loc
        group = (key, is_member) if is_member else (key, detail["type"], detail["msg"])
        groups.setdefault(group, []).append({**detail, "loc": key})
    yield from groups.values()


def _accepted(annotation: Any) -> list[str]:
    """The keys that the section at `annotation` accepts."""
    section = next(_sections(annotation), None)
    if section is None:
        return []
    return [field.alias or name for name, field in section.model_fields.items() if name not in ("rule", "kind", "step")]


def _at(model: type[BaseModel], loc: Sequence[str | int]) -> Any:
    """The annotation at `loc`; None if there is none."""
    here: Any = model
    for part in loc:
        here = _step(here, part)
        if here is None:
            return None
    return here


def _step(annotation: Any, part: str | int) -> Any:
    for candidate in _members(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            if part in (_tag(candidate), getattr(candidate, "tag", None)):
                return candidate
            for name, field in candidate.model_fields.items():
                if part in (name, field.alias):
                    return field.annotation
        elif typing.get_origin(candidate) is dict:
            return typing.get_args(candidate)[1]
        elif typing.get_origin(candidate) is list:
            return typing.get_args(candidate)[0]
    return None


def _members(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if isinstance(annotation, type) and issubclass(annotation, RootModel):
        return _members(annotation.model_fields["root"].annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [member for part in typing.get_args(annotation) for member in _members(part)]
    return [annotation]


def _sections(annotation: Any) -> Iterator[type[BaseModel]]:
    for candidate in _members(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            yield candidate


def _tag_key(section: type[BaseModel]) -> str | None:
    """The key whose value distinguishes this section from others of a union."""
    for name in ("rule", "kind", "step", "name"):
        field = section.model_fields.get(name)
        if field is not None and typing.get_origin(field.annotation) is typing.Literal:
            return name if len(typing.get_args(field.annotation)) == 1 else None
    return None


def _tag(section: type[BaseModel]) -> str | None:
    key = _tag_key(section)
    return str(typing.get_args(section.model_fields[key].annotation)[0]) if key else None
