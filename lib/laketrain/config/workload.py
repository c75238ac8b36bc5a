"""One YAML file is one workload: from raw files to predictions.

    name: mnist
    lake: ../build/lake
    sources: …  clean: …  integrate: …  convert: …  train: …  evaluate: …  predict: …
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from laketrain.config.base import Name, Section
from laketrain.config.clean import CleanTable
from laketrain.config.convert import Convert
from laketrain.config.evaluate import Evaluate, Predict
from laketrain.config.integrate import IntegrateTable
from laketrain.config.sources import AnySource
from laketrain.config.track import Track
from laketrain.config.train import Train

_MASTER = r"local(\[([1-9]\d*|\*)(, *\d+)?\])?|local-cluster\[.+\]|yarn|(spark|k8s)://.+"


def _known_master(master: str) -> str:
    if not re.fullmatch(_MASTER, master):
        raise ValueError(f"received {master!r}, expected local[2], local[*], yarn, spark://host:7077 or k8s://https://…")
    return master


class Spark(Section):
    """The session where none runs yet; under spark-submit the submit's own settings win."""

    master: Annotated[str, AfterValidator(_known_master)] | None = None
    """Where Spark runs; by default what the submit or Spark's own configuration says."""
    conf: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """Spark's own settings, e.g. `{spark.driver.memory: 4g}`."""


class Retain(Section):
    """What the lake keeps of the workload's own tables; a version from which one that stays was made stays too."""

    versions: int = Field(ge=1)
    """The newest so many of each table."""
    days: float | None = Field(default=None, ge=0, le=700_000)
    """All of so many days beside them; by default none."""


class Workload(Section):
    """The whole file. Stages that it leaves out are not run."""

    name: Name
    """What the dataset, the model and the runs are called in the lake."""
    lake: str = Field(min_length=1)
    """Where the lake is: a directory, `hdfs://…` or `s3://…`. A relative one is seen from the config's own
    directory."""
    variables: dict[str, str] = Field(default_factory=dict)
    """Names that text elsewhere in the file may use as `${name}`; `--set date=2026-11-20` gives one. Of a day,
    `${date:%Y/%m/%d}` is another form."""
    spark: Spark = Spark()
    """The Spark session."""
    sources: dict[Name, AnySource] = Field(min_length=1)
    """Where raw data comes from, by the name that its table gets."""
    clean: dict[Name, CleanTable] = Field(default_factory=dict)
    """Cleaned tables, by name."""
    integrate: dict[Name, IntegrateTable] = Field(default_factory=dict)
    """Joined tables, by name."""
    profile: bool = True
    """Whether every clean and integrated table gets a profile: numbers and a page of plots."""
    convert: Convert | None = None
    """The dataset to train on."""
    train: Train | None = None
    """The training; it needs `convert`."""
    evaluate: Evaluate | None = None
    """The measurement of the model; it needs `train`."""
    predict: Predict | None = None
    """New rows to score; it needs `train`."""
    retain: Retain | None = None
    """Which old versions are dropped when a run has ended well; by default none ever is."""
    track: Track | None = None
    """Who else is told of trainings: MLflow, TensorBoard; by default nobody."""

    @property
    def dataset(self) -> str:
        """The name under which convert commits the dataset."""
        return (self.convert.dataset if self.convert else None) or self.name
