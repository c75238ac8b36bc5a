"""Writes docs/reference/config.md from the config's own models, so that they agree.

    make reference      # = .venv/bin/python tools/config_reference.py

What a key means is the text under its field; bounds, literals and defaults are read from the field.
"""

from __future__ import annotations

import re
import tempfile
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from laketrain.config.base import Name, Section, SplitName
from laketrain.config.clean import Rule
from laketrain.config.evaluate import BASELINES, BaselineName, Bound, GatedMetric
from laketrain.config.integrate import Step
from laketrain.config.language.durations import Duration
from laketrain.config.loss import LOSSES, METRICS, LossName, MetricName
from laketrain.config.spark import Spark
from laketrain.config.sql.types import SIMPLE, SparkType
from laketrain.errors import ConfigError
from laketrain.features.base import Feature
from laketrain.features.schema import AnyFeature
from laketrain.models import AnyModel, DeclaredModel
from laketrain.workload import Convert, Train, Workload

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "config.md"
HEAD = Path(__file__).with_suffix(".md")
"""The prose around the tables."""

LEARNT = "Fitted by convert."
"""How the text of a feature's field starts that isn't a setting."""
OF_MAPPING = {"sources": "source", "clean": "table", "integrate": "table", "loss": "target"}
"""What the keys of a mapping in the whole file name."""
LATER: dict[tuple[type, str], str] = {
    (Convert, "features"): "mapping of name to [feature](#features)",
    (Train, "model"): "[model](#models)",
    (Spark, "master"): "[master](#masters)",
}
"""Fields whose types don't describe them: their models are in a later room, or they have a pattern."""


def _either(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


NAMED: tuple[tuple[Any, str], ...] = (
    (Name, "[name](#names)"), (SplitName, "[split](#names)"), (SparkType, "[type](#spark-types)"),
    (LossName, _either(f"`{name}`" for name in LOSSES.builtin)),
    (MetricName, _either(f"`{name}`" for name in METRICS.builtin)),
    (BaselineName, _either(f"`{name}`" for name in BASELINES.builtin)),
    (Bound, "[bound](#bounds-of-a-gate)"), (GatedMetric, "[metric](#bounds-of-a-gate)"),
    (str, "text"), (int, "whole number"), (float, "number"),
    (bool, "true or false"), (Any, "anything"), (Rule, "[rule](#rules)"),
    (Step, "[step](#steps)"), (Duration, "span of time such as `2 hours`"),
)
"""Types by what people call them."""


def reference() -> str:
    """The whole page."""
    parts = {
        "sample": _sample(),
        "sections": "\n".join(_section(path, section) for path, section in dict.fromkeys(sections(Workload))),
        "rules": "\n".join(_kind("rule", "rule", rule) for rule in members(Rule)),
        "steps": "\n".join(part for step in members(Step) for part in _step(step)),
        "features": "\n".join(_kind("kind", "kind", feature) for feature in members(AnyFeature)),
        "models": "\n".join(_kind("model", "name", model) for model in members(AnyModel)),
        "types": ", ".join(f"`{name}`" for name in SIMPLE),
    }
    page = HEAD.read_text("utf-8")
    for name, text in parts.items():
        page = page.replace(f"<!-- {name} -->", text.strip("\n"))
    return page


def sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """`model` and all sections below it, each with its path such as `train.optimizer`; unions are separate."""
    yield path, model
    for name, hint in _hints(model).items():
        for below, step in _below(hint, OF_MAPPING.get(name, "name")):
            yield from sections(below, f"{path}.{name}{step}".lstrip("."))


def members(union: Any) -> tuple[type[BaseModel], ...]:
    """The models of a union with a discriminator key."""
    [inner, *_] = get_args(union)
    return get_args(inner) or (inner,)


def hidden(model: type[BaseModel], name: str, field: FieldInfo) -> bool:
    """Whether nobody sets this field: what chooses the model itself, and what is learnt."""
    chooses = name in ("rule", "kind", "step", "name") and get_origin(field.annotation) is Literal and len(
        get_args(field.annotation)) == 1
    return chooses or (issubclass(model, Feature) and (field.description or "").startswith(LEARNT))


def _hints(model: type[BaseModel]) -> dict[str, Any]:
    hints = typing.get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def _below(hint: Any, noun: str, step: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """The sections in a type, each with the step that leads there; unions with a discriminator key are left out."""
    if isinstance(hint, type) and issubclass(hint, Section):
        yield hint, step
    elif hint not in (Rule, Step, DeclaredModel):
        mapping = f".<{noun}>" if get_origin(hint) is dict else ""
        for inner in get_args(hint):
            yield from _below(inner, noun, step + mapping)


def _section(path: str, model: type[BaseModel]) -> str:
    title = f"`{path}`" if path else "Top level"
    if get_origin(form := _hints(model).get("format")) is Literal:
        title += f" with `format: {get_args(form)[0]}`"
    return f"### {title}\n\n{_prose(model.__doc__)}\n\n{_table(model, path)}"


def _kind(noun: str, key: str, model: type[BaseModel], path: str = "") -> str:
    [tag] = get_args(model.model_fields[key].annotation)
    return f"### {noun} `{tag}`\n\n{_prose(model.__doc__)}\n\n{_table(model, path)}"


def _step(model: type[BaseModel]) -> Iterator[str]:
    """A step, then the sections within it."""
    [tag] = get_args(model.model_fields["step"].annotation)
    yield _kind("step", "step", model, tag)
    yield from (_section(path, section) for path, section in sections(model, tag) if path != tag)


def _table(model: type[BaseModel], path: str) -> str:
    hints = _hints(model)
    rows = [
        f"| `{field.alias or name}` | {_value(model, name, hints[name], path)} | {_default(model, name)} "
        f"| {_prose(field.description).replace('|', chr(92) + '|')} |"
        for name, field in model.model_fields.items() if not hidden(model, name, field)
    ]
    return "\n".join(["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""]) if rows else "No keys.\n"


def _value(model: type[BaseModel], name: str, hint: Any, path: str) -> str:
    if (model, name) in LATER:
        return LATER[model, name]
    field = model.model_fields[name]
    if get_origin(hint) is Annotated and all(hint != named for named, _ in NAMED):
        hint = get_args(hint)[0]  # its bounds are the field's
    text = _called(hint, f"{path}.{name}".lstrip("."), OF_MAPPING.get(name, "name"))
    limits = _limits(field.metadata, text=text == "text")
    null = " or null" if type(None) in get_args(hint) and field.default is not None else ""
    return ", ".join(filter(None, (text + null, limits)))


def _called(hint: Any, path: str, noun: str = "name") -> str:
    """A type in words. `path` is where its section, if it has one, is."""
    for named, text in NAMED:
        if hint == named:
            return text
    if isinstance(hint, type) and issubclass(hint, Section):
        return f"[mapping, below](#{slug(f'`{path}`')})"
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        limits = _limits(_flat(inner[1:]))
        return _called(inner[0], path, noun) + (f" ({limits})" if limits else "")
    if origin is Literal:
        return _either(f"`{one}`" for one in inner)
    if origin in (Union, types.UnionType):
        return _either(dict.fromkeys(_called(one, path, noun) for one in inner if one is not type(None)))
    if origin in (list, tuple):
        size = "" if origin is list or inner[-1] is ... else f"{len(inner)} "
        each = _called(inner[0], path)
        return f"list of {size}{each}{'s' if each.endswith('number') else ''}"
    if origin is dict:
        key = noun if inner[0] in (str, Name) else _called(inner[0], path)
        return f"mapping of {key} to {_called(inner[1], f'{path}.<{noun}>')}"
    raise TypeError(f"{path}: no words for the type {hint}; add it to NAMED")


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for one in metadata:
        yield from one.metadata if isinstance(one, FieldInfo) else [one]


def _limits(metadata: Iterable[Any], text: bool = False) -> str:
    """Bounds in words: `0 to 1`, `> 0`, `at least 1`."""
    low, high, few = "", "", ""
    for one in metadata:
        if isinstance(one, bounds.Ge):
            low = f"≥ {_number(one.ge)}"
        elif isinstance(one, bounds.Gt):
            low = f"> {_number(one.gt)}"
        elif isinstance(one, bounds.Le):
            high = f"≤ {_number(one.le)}"
        elif isinstance(one, bounds.Lt):
            high = f"< {_number(one.lt)}"
        elif isinstance(one, bounds.MinLen):
            few = "not empty" if text else f"at least {one.min_length}"
    if low.startswith("≥") and high.startswith("≤"):
        return f"{low[2:]} to {high[2:]}"
    return " and ".join(filter(None, (low, high))) or few


def _number(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _default(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    if issubclass(model, Feature) and name == "column":
        return "the feature's name"
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "its own defaults"
    if isinstance(value, (list, tuple, dict)):
        return f"`[{', '.join(map(str, value))}]`" if value else "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return '`" "`' if value == " " else f"`{_number(value) if isinstance(value, float) else value}`"


def _prose(text: str | None) -> str:
    """A docstring with each paragraph on a line of its own, and `<` as a sign where it stands outside code."""
    paragraphs = re.split(r"\n\s*\n", (text or "").strip())
    lines = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    return "`".join(part if index % 2 else part.replace("<", "\\<") for index, part in enumerate(lines.split("`")))


def slug(heading: str) -> str:
    """The anchor that a heading gets in Markdown as it is shown on the web."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _sample() -> str:
    """The actual errors of the shipped workload with some mistakes in it."""
    text = (ROOT / "conf" / "mnist.yaml").read_text("utf-8")
    for right, wrong in (("by: digit_id, f", "by: digit, f"), ("epochs: ", "epoch: "), ("name: adam,", "name: adamm,")):
        text = text.replace(right, wrong, 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "conf" / "mnist.yaml"
        path.parent.mkdir()
        path.write_text(text, "utf-8")
        try:
            Workload.load(path)
        except ConfigError as error:
            return f"```text\n{str(error).replace(f'{folder}/', '')}\n```"
    raise AssertionError("conf/mnist.yaml has nothing left that could be got wrong")


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")
