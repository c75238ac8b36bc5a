"""What the page says of training: how it went over the epochs, with which settings, and where the ranks' time went.

    training(run).curves, ranks(run).ranks
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from laketrain.config.augment import Augment
from laketrain.config.optimizer import Optimizer
from laketrain.features import FeatureSet, Image
from laketrain.report import words
from laketrain.report.plots import curve
from laketrain.report.run import Run
from laketrain.workload import Train
from laketrain.workload.checks import unused
from laketrain.workload.former import current_train

_MUCH_WAITING, _MUCH_AVERAGING = 0.1, 0.25
_NO_METRIC = {"epoch", "seconds", "rows_per_s", "learning_rate"}


@dataclass(frozen=True)
class Curve:
    """A metric over the epochs: its drawing, and in words what it says."""

    name: str
    svg: str
    summary: str
    validated: bool


@dataclass(frozen=True)
class Training:
    """`settings` are names and values; the history is `columns` over `rows`, in text; `chosen` says which epoch's model
    was committed, `counted` how rows with weights count."""

    ref: str
    curves: list[Curve]
    settings: list[tuple[str, str]]
    columns: list[str]
    rows: list[list[str]]
    chosen: str
    counted: str


@dataclass(frozen=True)
class RankTime:
    """One rank's host or container, its seconds in steps, and the parts of the longest rank's: computing, averaging
    gradients (the wait for the other ranks included), waiting for data."""

    rank: int
    where: str
    seconds: float
    computing_part: float
    averaging_part: float
    waiting_part: float
    averaging_share: float
    waiting_share: float


@dataclass(frozen=True)
class Ranks:
    """All ranks, how often they had to be launched again, and one sentence of advice."""

    ranks: list[RankTime]
    restarts: int
    advice: str


def training(run: Run) -> Training | None:
    """The history of the model that the run trained, or found trained."""
    version = run.last("train")
    history = version.entry.meta.get("history") if version else None
    if version is None or not history:
        return None
    columns = list(dict.fromkeys(key for row in history for key in row))
    names = [name for name in columns if name not in _NO_METRIC and not name.startswith("val_")]
    curves = [_curve(history, name, f"curve{place}") for place, name in enumerate(names)]
    table = [[_cell(column, row.get(column)) for column in columns] for row in history]
    titles = [column.replace("_", " ") for column in columns]
    return Training(version.ref, curves, _settings(version.entry.meta), titles, table, _chosen(version.entry.meta),
                    _counted(version.entry.meta))


def _counted(meta: Mapping[str, Any]) -> str:
    weight = next((name for name, one in (meta.get("features") or {}).items() if one.get("role") == "weight"), None)
    return f"Losses and metrics are means over the rows by their weight {weight!r}." if weight else ""


def _chosen(meta: Mapping[str, Any]) -> str:
    best, last = meta.get("best"), len(meta["history"])
    if not best:
        return ""
    if best["keep"] == "last":
        return f"The model is that of the last epoch, {last}."
    name = best["monitor"].replace("_", " ")
    return f"The model is that of epoch {best['epoch']} of {last}, the best by {name}: {words.metric(best['value'])}."


def _curve(history: Sequence[Mapping[str, Any]], name: str, key: str) -> Curve:
    last, validation = history[-1], f"val_{name}"
    validated = any(words.is_number(row.get(validation)) for row in history)
    said = f"train {words.metric(last.get(name))}"
    if validated:
        said += f", validation {words.metric(last.get(validation))}"
    alt = f"Curves of {name} over {words.many(len(history), 'epoch')}; at the end {said}"
    return Curve(name, curve(history, name, alt, key), said, validated)


def _cell(column: str, value: Any) -> str:
    if column == "epoch" or column == "rows_per_s":
        return words.count(value)
    return words.duration(value) if column == "seconds" else words.metric(value)


def _settings(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    config = effective(current_train(meta.get("config") or {}), meta.get("features") or {})
    return [
        *_named("model", config.get("model") or {}),
        *_named("optimizer", _chosen_of(config.get("optimizer") or {}, config.get("ranks"))),
        *_named("augmentation", config.get("augment") or {}),
        *_named("losses", _losses(config)),
        *((name, _plain(config[key])) for name, key in (("global batch", "batch"), ("ranks", "ranks"),
                                                        ("precision", "precision"), ("begun from", "init_from"),
                                                        ("seed", "seed")) if config.get(key) is not None),
        *([("weights", str(meta["weights"])[:12])] if meta.get("weights") else []),
    ]


def effective(config: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """The section without what changed nothing: a model of an older release may have been trained with such settings,
    which are refused today."""
    found = {**config, "augment": {key: bound for key, bound in (config.get("augment") or {}).items()
                                   if bound and bound != _NO_AUGMENT.get(key)}}
    try:
        parsed, declared = Train.model_validate(dict(config)), FeatureSet.model_validate(dict(features))
        unused_paths = [problem.path for problem in unused.problems(parsed, declared)]
    except ValidationError:
        return found
    if not any(isinstance(one, Image) for one in declared.inputs.values()):
        found["augment"] = {}
    for key, *below in unused_paths:
        section = found.get(str(key))
        if below and isinstance(section, dict):
            found[str(key)] = {name: value for name, value in section.items() if name != below[0]}
    return found


def _chosen_of(optimizer: Mapping[str, Any], ranks: Any) -> dict[str, Any]:
    """What isn't the default, and the rate; between ranks where there are several."""
    alone = isinstance(ranks, Mapping) and ranks.get("max") == 1
    return {key: value for key, value in optimizer.items() if key in ("name", "learning_rate")
            or (value != _OPTIMIZER.get(key) and not (alone and key == "gradient_dtype"))}


_NO_AUGMENT = Augment().model_dump(mode="json")
_OPTIMIZER = Optimizer().model_dump(mode="json")


def _losses(config: Mapping[str, Any]) -> dict[str, str]:
    """By target; `*` stands for all that aren't named."""
    return {"all" if target == "*" else target: loss.get("use") or loss["name"]
            for target, loss in (config.get("loss") or {}).items()}


def _named(what: str, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """`adam (learning rate 0.001)`, or the settings alone where they have no name."""
    if not settings:
        return []
    rest = ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in settings.items()
                     if key != "name" and value not in (None, {}, []))
    name = str(settings.get("name", ""))
    return [(what, f"{name} ({rest})" if name and rest else name or rest)]


def _plain(value: Any) -> str:
    """A setting in a few words: a part by its name, a range by its ends."""
    if not isinstance(value, dict):
        return str(value)
    if value.keys() == {"min", "max"}:
        return str(value["min"]) if value["min"] == value["max"] else f"{value['min']} to {value['max']}"
    return str(value.get("name") or ", ".join(f"{key} {_plain(part)}" for key, part in value.items()))


def ranks(run: Run) -> Ranks | None:
    """Where each rank's time went."""
    version = run.last("train")
    found = version.entry.meta.get("ranks") if version else None
    if version is None or not found:
        return None
    longest = max(_seconds(rank) for rank in found) or 1.0
    return Ranks([_rank(rank, longest) for rank in found], version.entry.meta.get("restarts") or 0,
                 advice(found, version.entry.meta.get("slow_rank")))


def _seconds(rank: Mapping[str, Any]) -> float:
    return float(rank["waiting_s"] + rank["computing_s"] + rank.get("averaging_s", 0.0))


def _rank(rank: Mapping[str, Any], longest: float) -> RankTime:
    seconds, averaging = _seconds(rank), rank.get("averaging_s", 0.0)
    return RankTime(rank["rank"], rank.get("where", ""), seconds, rank["computing_s"] / longest, averaging / longest,
                    rank["waiting_s"] / longest, averaging / (seconds or 1.0), rank["waiting_s"] / (seconds or 1.0))


def advice(ranks: Sequence[Mapping[str, Any]], slow: int | None) -> str:
    """What would make training quicker, from where the ranks' time went."""
    whole = sum(_seconds(rank) for rank in ranks) or 1.0
    waiting = sum(rank["waiting_s"] for rank in ranks) / whole
    averaging = sum(rank.get("averaging_s", 0.0) for rank in ranks) / whole
    if slow is not None:
        return (f"Rank {slow} computes much longer than the others, who wait for it in every step: look at what else "
                "runs on its machine.")
    if waiting > _MUCH_WAITING:
        return (f"{words.share(waiting)} of the time is spent waiting for data: give ranks more cores, store pixels "
                "instead of compressed images, or set train.cache.")
    if averaging > _MUCH_AVERAGING:
        return (f"{words.share(averaging)} of the time goes into averaging gradients: a larger batch, or "
                "optimizer.accumulate, averages less often, and optimizer.gradient_dtype: float16 sends half the "
                "bytes.")
    return "Nearly all of the time is spent computing: only more ranks or a shorter type (train.precision) are quicker."
