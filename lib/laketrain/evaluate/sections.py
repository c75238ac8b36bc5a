"""How an evaluation lies in its entry's `meta`, and how it is read again.

    meta = as_meta({"label": section}, "test", warnings=[])
    sections(meta)                   # {"label": {"kind": "label", "metrics": …, …}}
    headline(meta)                   # ("accuracy", 0.98)

With one target its section is the meta itself; with several, they lie under `targets`, and `metrics` has the figures of
all of them as `target.metric`. `warnings` are in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from laketrain.config.evaluate import FIGURES


def as_meta(found: Mapping[str, dict[str, Any]], split: str, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """What an entry holds of the sections by target."""
    told = {"split": split, "warnings": list(warnings)}
    if len(found) == 1:
        [(target, section)] = found.items()
        return {**told, "target": target, **section}
    metrics = {f"{target}.{name}": value for target, section in found.items()
               for name, value in section["metrics"].items() if not isinstance(value, list)}
    return {**told, "metrics": metrics, "targets": dict(found)}


def sections(meta: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By target; of an entry that doesn't say its target, it is a label."""
    if "targets" in meta:
        return dict(meta["targets"])
    return {str(meta.get("target", "label")): {"kind": "label", **meta}} if meta.get("metrics") else {}


def headline(meta: Mapping[str, Any]) -> tuple[str, float] | None:
    """The figure that stands for the whole evaluation: that of the first target, as its baselines have it."""
    for section in sections(meta).values():
        figure = FIGURES[section["kind"]]
        return figure, section["metrics"][figure]
    return None
