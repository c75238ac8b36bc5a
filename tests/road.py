"""The road of conf/mnist.yaml over 600 digits in a folder of its own: landed, and run as far as a dataset.

    road = build_road(tmp_path)             # lands the digits and writes the config; nothing is run yet
    road.pipeline(spark, "train.epochs=1").run(last="convert")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.events import Event
from laketrain.lake import Lake
from laketrain.samples.mnist import Landing, land

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.pipeline import Pipeline
    from laketrain.stages import Outcome

CONF = Path(__file__).parents[1] / "conf" / "mnist.yaml"
DIGITS = 600


class Quiet:
    """A watcher that keeps what began, what ended and what else should be known."""

    def __init__(self) -> None:
        self.began: list[tuple[str, str]] = []
        self.ended: list[Outcome] = []
        self.notes: list[str] = []

    def begin(self, stage: str, name: str) -> None:
        self.began.append((stage, name))

    def end(self, outcome: Outcome) -> None:
        self.ended.append(outcome)

    def rank_event(self, rank: int, event: Event) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass(frozen=True)
class Road:
    """A landing zone, a config over it, and the lake that it names."""

    landing: Landing
    config: Path
    lake: Lake

    def pipeline(self, spark: SparkSession | None = None, *sets: str) -> Pipeline:
        from laketrain.pipeline import Pipeline

        return Pipeline(self.config, sets, watcher=Quiet(), spark=spark)


def build_road(folder: Path) -> Road:
    """Lands the digits in `folder` and writes a config like conf/mnist.yaml with its paths there."""
    landing = land(folder / "a landing zone", digits=DIGITS)
    text = CONF.read_text("utf-8")
    config, lake = folder / "mnist.yaml", folder / "the lake"
    for old, new in (("../build/landing/mnist", landing.directory), ("../build/lake", lake)):
        assert old in text
        text = text.replace(old, str(new))
    config.write_text(text, "utf-8")
    return Road(landing, config, Lake(str(lake)))
