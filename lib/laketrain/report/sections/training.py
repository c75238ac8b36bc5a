"""The training: curves and history of the epochs, settings, and the time of the ranks.

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
from laketrain.lake.manifests import ModelManifest
from laketrain.report import format as fmt
from laketrain.report.run import Run
from laketrain.report.svg.plots import learning_curve
from laketrain.workload import Train
from laketrain.workload.checks import unused
from laketrain.workload.former import current_train

_WAITING_LIMIT, _AVERAGING_LIMIT = 0.1, 0.25
_NO_METRIC = {"epoch", "seconds", "rows_per_s", "learning_rate"}


@dataclass(frozen=True)
class Curve:
    """A metric over the epochs as SVG, and its last values as text."""

    name: str
    svg: str
    summary: str
    validated: bool


@dataclass(frozen=True)
class Training:
    """`settings` are names and values; `columns` and `rows` are the history as text. `chosen` is a sentence about the
    epoch whose model was committed, `weighting` one about the rows' weights, or empty."""

    ref: str
    curves: list[Curve]
    settings: list[tuple[str, str]]
    columns: list[str]
    rows: list[list[str]]
    chosen: str
    weighting: str


@dataclass(frozen=True)
class RankTime:
    """A rank, its host or container, and its seconds in steps. The `_part` fields are fractions of the slowest rank's
    time: computing, averaging gradients (and waiting for other ranks), waiting for data; the `_share` fields are
    fractions of its own."""

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
    """All ranks, the number of relaunches, and one sentence of advice."""

    ranks: list[RankTime]
    restarts: int
    advice: str


def training(run: Run) -> Training | None:
    """The history and settings of the model that the run trained or reused."""
    version = run.last("train")
    if version is None:
        return None
    model = ModelManifest.of(version)
    history = model.history
    if not history:
        return None
    columns = list(dict.fromkeys(key for row in history for key in row))
    names = [name for name in columns if name not in _NO_METRIC and not name.startswith("val_")]
    curves = [_curve(history, name, f"curve{index}") for index, name in enumerate(names)]
    table = [[_cell(column, row.get(column)) for column in columns] for row in history]
    titles = [column.replace("_", " ") for column in columns]
    return Training(version.ref, curves, _settings(model), titles, table, _chosen(model), _weighting(model))


def _weighting(model: ModelManifest) -> str:
    weight = next((name for name, feature in model.features.items() if feature.get("role") == "weight"), None)
    return f"Losses and metrics are means over the rows by their weight {weight!r}." if weight else ""


def _chosen(model: ModelManifest) -> str:
    best, last = model.best, len(model.history)
    if not best:
        return ""
    if best["keep"] == "last":
        return f"The model is that of the last epoch, {last}."
    name = best["monitor"].replace("_", " ")
    return f"The model is that of epoch {best['epoch']} of {last}, the best by {name}: {fmt.metric(best['value'])}."


def _curve(history: Sequence[Mapping[str, Any]], name: str, key: str) -> Curve:
    last, validation = history[-1], f"val_{name}"
    validated = any(fmt.is_number(row.get(validation)) for row in history)
    summary = f"train {fmt.metric(last.get(name))}"
    if validated:
        summary += f", validation {fmt.metric(last.get(validation))}"
    alt = f"Curves of {name} over {fmt.plural(len(history), 'epoch')}; at the end {summary}"
    return Curve(name, learning_curve(history, name, alt, key), summary, validated)


def _cell(column: str, value: Any) -> str:
    if column == "epoch" or column == "rows_per_s":
        return fmt.count(value)
    return fmt.duration(value) if column == "seconds" else fmt.metric(value)


def _settings(model: ModelManifest) -> list[tuple[str, str]]:
    config = effective(current_train(model.config), model.features)
    return [
        *_named("model", config.get("model") or {}),
        *_named("optimizer", _shown_optimizer(config.get("optimizer") or {}, config.get("ranks"))),
        *_named("augmentation", config.get("augment") or {}),
        *_named("losses", _losses(config)),
        *((name, _text(config[key])) for name, key in (("global batch", "batch"), ("ranks", "ranks"),
                                                        ("precision", "precision"), ("begun from", "init_from"),
                                                        ("seed", "seed")) if config.get(key) is not None),
        *([("weights", model.weights[:12])] if model.weights else []),
    ]


def effective(config: Mapping[str, Any], features: Mapping[str, Any]) -> dict[str, Any]:
    """The section without settings that have no effect. An older release may have trained a model with such settings,
    which are refused today."""
    settings = {**config, "augment": {key: bound for key, bound in (config.get("augment") or {}).items()
                                   if bound and bound != _NO_AUGMENT.get(key)}}
    try:
        parsed, declared = Train.model_validate(dict(config)), FeatureSet.model_validate(dict(features))
        unused_paths = [problem.path for problem in unused.problems(parsed, declared)]
    except ValidationError:
        return settings
    if not any(isinstance(feature, Image) for feature in declared.inputs.values()):
        settings["augment"] = {}
    for key, *below in unused_paths:
        section = settings.get(str(key))
        if below and isinstance(section, dict):
            settings[str(key)] = {name: value for name, value in section.items() if name != below[0]}
    return settings


def _shown_optimizer(optimizer: Mapping[str, Any], ranks: Any) -> dict[str, Any]:
    """The name, the learning rate, and what isn't the default. The gradient dtype only matters between ranks."""
    single_rank = isinstance(ranks, Mapping) and ranks.get("max") == 1
    return {key: value for key, value in optimizer.items() if key in ("name", "learning_rate")
            or (value != _OPTIMIZER.get(key) and not (single_rank and key == "gradient_dtype"))}


_NO_AUGMENT = Augment().model_dump(mode="json")
_OPTIMIZER = Optimizer().model_dump(mode="json")


def _losses(config: Mapping[str, Any]) -> dict[str, str]:
    """The loss of each target; `*`, the default of all others, is called `all`."""
    return {"all" if target == "*" else target: loss.get("use") or loss["name"]
            for target, loss in (config.get("loss") or {}).items()}


def _named(title: str, settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A pair such as (`optimizer`, `adam (learning rate 0.001)`); settings alone if they have no name."""
    if not settings:
        return []
    rest = ", ".join(f"{key.replace('_', ' ')} {_text(value)}" for key, value in settings.items()
                     if key != "name" and value not in (None, {}, []))
    name = str(settings.get("name", ""))
    return [(title, f"{name} ({rest})" if name and rest else name or rest)]


def _text(value: Any) -> str:
    """A setting as short text: a nested one by its name, a range by its ends."""
    if not isinstance(value, dict):
        return str(value)
    if value.keys() == {"min", "max"}:
        return str(value["min"]) if value["min"] == value["max"] else f"{value['min']} to {value['max']}"
    return str(value.get("name") or ", ".join(f"{key} {_text(part)}" for key, part in value.items()))


def ranks(run: Run) -> Ranks | None:
    """The time of each rank by activity."""
    version = run.last("train")
    if version is None:
        return None
    model = ModelManifest.of(version)
    if not model.ranks:
        return None
    longest = max(_seconds(rank) for rank in model.ranks) or 1.0
    return Ranks([_rank(rank, longest) for rank in model.ranks], model.restarts, advice(model.ranks, model.slow_rank))


def _seconds(rank: Mapping[str, Any]) -> float:
    return float(rank["waiting_s"] + rank["computing_s"] + rank.get("averaging_s", 0.0))


def _rank(rank: Mapping[str, Any], longest: float) -> RankTime:
    seconds, averaging = _seconds(rank), rank.get("averaging_s", 0.0)
    return RankTime(rank["rank"], rank.get("where", ""), seconds, rank["computing_s"] / longest, averaging / longest,
                    rank["waiting_s"] / longest, averaging / (seconds or 1.0), rank["waiting_s"] / (seconds or 1.0))


def advice(ranks: Sequence[Mapping[str, Any]], slow: int | None) -> str:
    """What would make training faster, judged by the time of the ranks."""
    total = sum(_seconds(rank) for rank in ranks) or 1.0
    waiting = sum(rank["waiting_s"] for rank in ranks) / total
    averaging = sum(rank.get("averaging_s", 0.0) for rank in ranks) / total
    if slow is not None:
        return (f"Rank {slow} computes much longer than the others, who wait for it in every step: look at what else "
                "runs on its machine.")
    if waiting > _WAITING_LIMIT:
        return (f"{fmt.percent(waiting)} of the time is spent waiting for data: give ranks more cores, store pixels "
                "instead of compressed images, or set train.cache.")
    if averaging > _AVERAGING_LIMIT:
        return (f"{fmt.percent(averaging)} of the time goes into averaging gradients: a larger batch, or "
                "optimizer.accumulate, averages less often, and optimizer.gradient_dtype: float16 sends half the "
                "bytes.")
    return "Nearly all of the time is spent computing: only more ranks or a shorter type (train.precision) are quicker."
