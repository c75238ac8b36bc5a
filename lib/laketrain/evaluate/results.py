"""Writes the sections of an evaluation to its entry's `meta`, and reads them.

    meta = as_meta({"label": section}, "test", warnings=[])
    sections(meta)                   # {"label": {"kind": "label", "metrics": …, …}}
    headline(meta)                   # ("accuracy", 0.98)

With one target its section is the meta itself; with several, they are under `targets`, and `metrics` has the metrics of
all of them as `target.metric`. `warnings` are sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from laketrain.tasks import task_of_section


def as_meta(by_target: Mapping[str, dict[str, Any]], split: str, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """The `meta` of an entry for these sections by target."""
    common = {"split": split, "warnings": list(warnings)}
    if len(by_target) == 1:
        [(target, section)] = by_target.items()
        return {**common, "target": target, **section}
    metrics = {f"{target}.{name}": value for target, section in by_target.items()
               for name, value in section["metrics"].items() if not isinstance(value, list)}
    return {**common, "metrics": metrics, "targets": dict(by_target)}


def sections(meta: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The sections by target. An older entry without the name of its target is of a label."""
    if "targets" in meta:
        return dict(meta["targets"])
    return {str(meta.get("target", "label")): {"kind": "label", **meta}} if meta.get("metrics") else {}


def headline(meta: Mapping[str, Any]) -> tuple[str, float] | None:
    """Name and value of the first target's headline metric; None if nothing was evaluated."""
    for section in sections(meta).values():
        metric = task_of_section(section).headline.metric
        return metric, section["metrics"][metric]
    return None
