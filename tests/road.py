"""The road of conf/mnist.yaml over 600 digits in a folder of its own: landed, and run as far as a dataset.

    road = build_road(tmp_path)             # lands the digits and writes the config; nothing is run yet
    road.pipeline(spark, "train.epochs=1").run(last="convert")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.lake import Lake
from laketrain.samples.mnist import Landing, land
from laketrain.stages import Event, Note, StageEnded, StageStarted

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from laketrain.pipeline import Pipeline
    from laketrain.stages import Event, Outcome

CONF = Path(__file__).parents[1] / "conf" / "mnist.yaml"
DIGITS = 600


class Quiet:
    """A listener that keeps what started, what ended and the notes."""

    def __init__(self) -> None:
        self.began: list[tuple[str, str]] = []
        self.ended: list[Outcome] = []
        self.notes: list[str] = []

    def __call__(self, event: Event) -> None:
        match event:
            case StageStarted(stage, table):
                self.began.append((stage, table))
            case StageEnded(outcome):
                self.ended.append(outcome)
            case Note(text):
                self.notes.append(text)


@dataclass(frozen=True)
class Road:
    """A landing zone, a config over it, and the lake that it names."""

    landing: Landing
    config: Path
    lake: Lake

    def pipeline(self, spark: SparkSession | None = None, *sets: str) -> Pipeline:
        from laketrain.pipeline import Pipeline

        return Pipeline(self.config, sets, listener=Quiet(), spark=spark)


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
