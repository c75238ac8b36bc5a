"""pydantic's validation errors as problems that say what was received, what is accepted and the nearest right name.

    try: Workload.model_validate(document.data)
    except ValidationError as error: problems = explain(error, Workload, document)
"""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from laketrain.config.document import Document
from laketrain.errors import Problem, nearest

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def explain(
    error: ValidationError, model: type[BaseModel], document: Document, prefix: Sequence[str | int] = ()
) -> list[Problem]:
    """One problem per error of `model`, which was parsed from the part of `document` at `prefix`."""
    problems = []
    for detail in _without_union_noise(error.errors()):
        loc = (*prefix, *detail["loc"])
        text, hint = _say(detail, model)
        problems.append(Problem(_place(loc, document), text, hint, document.line(loc)))
    return problems


def _say(detail: ErrorDetails, model: type[BaseModel]) -> tuple[str, str]:
    kind, received, context = detail["type"], detail["input"], detail.get("ctx", {})
    name = str(detail["loc"][-1]) if detail["loc"] else "file"
    if kind == "extra_forbidden":
        accepted = _accepted_at(model, detail["loc"][:-1])
        return f"unknown key {name!r}", nearest(name, accepted)
    if kind == "missing":
        return f"the key {name!r} is missing", ""
    if kind == "literal_error":
        options = [option for option in _literals(context["expected"]) if option]
        return f"received {_show(received)}, expected {context['expected']}", (
            nearest(received, options) if isinstance(received, str) else ""
        )
    if kind == "union_tag_invalid":
        options = _literals(context["expected_tags"])
        return f"unknown {context['discriminator'].strip(chr(39))} {context['tag']!r}", nearest(context["tag"], options)
    if kind == "union_tag_not_found":
        return f"received {_show(received)}, expected a mapping with the key {context['discriminator']}", ""
    if kind == "string_pattern_mismatch":
        return f"received {_show(received)}, expected text of the form {context['pattern']}", ""
    if kind == "value_error":
        return str(context["error"]), ""
    if kind in _EXPECTED:
        return f"received {_show(received)}, expected {_EXPECTED[kind]}", ""
    return f"received {_show(received)}, {detail['msg'][0].lower()}{detail['msg'][1:]}", ""


def _literals(expected: str) -> list[str]:
    return [part.strip(" '") for part in expected.replace(" or ", ", ").split(",")]


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return f"a mapping with the keys {', '.join(map(str, value)) or '(none)'}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    kind = {str: "text", int: "a whole number", float: "a number", bool: "true/false", type(None): "nothing"}
    text = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "…"
    return f"{text} ({kind.get(type(value), type(value).__name__)})"


def _place(loc: Sequence[str | int], document: Document) -> str:
    """The dotted path as it stands in the file: without the names of union members, that pydantic puts between."""
    here: Any = document.data
    kept: list[str] = []
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if (isinstance(here, dict) and part in here) or (isinstance(here, list) and isinstance(part, int) and part < len(here)):
            here = here[part]
        elif not last:
            continue
        kept.append(str(part))
    return ".".join(kept) or "file"


def _without_union_noise(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Of the several ways in which a plain union (`int | 'auto'`) fails, one: they share the place and the input."""
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for detail in errors:
        loc = detail["loc"]
        is_member = bool(loc) and isinstance(loc[-1], str) and (loc[-1] in {"int", "float", "str"} or "[" in loc[-1])
        key = loc[:-1] if is_member else loc
        if is_member and key in seen:
            continue
        seen.add(key)
        kept.append({**detail, "loc": key} if is_member else detail)
    return kept


def _accepted_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that the section at `loc` accepts, found by walking the models' annotations."""
    here: Any = model
    for part in loc:
        here = _step(here, part)
        if here is None:
            return []
    section = next(_sections(here), None)
    if section is None:
        return []
    return [field.alias or name for name, field in section.model_fields.items() if name not in ("rule", "kind")]


def _step(annotation: Any, part: str | int) -> Any:
    for candidate in _members(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            if _tag(candidate) == part:
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
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [member for part in typing.get_args(annotation) for member in _members(part)]
    return [annotation]


def _sections(annotation: Any) -> typing.Iterator[type[BaseModel]]:
    for candidate in _members(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            yield candidate


def _tag(section: type[BaseModel]) -> str | None:
    for name in ("rule", "kind", "name"):
        field = section.model_fields.get(name)
        if field is not None and typing.get_origin(field.annotation) is typing.Literal:
            return str(typing.get_args(field.annotation)[0])
    return None
