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
from laketrain.config.integrate import IntegrateTable
from laketrain.config.sources import Source
from laketrain.config.train import Evaluate, Predict, Train

_MASTER = r"local(\[([1-9]\d*|\*)(, *\d+)?\])?|local-cluster\[.+\]|yarn|(spark|k8s)://.+"


def _known_master(master: str) -> str:
    if not re.fullmatch(_MASTER, master):
        raise ValueError(f"received {master!r}, expected local[2], local[*], yarn, spark://host:7077 or k8s://https://…")
    return master


class Spark(Section):
    """The session where none runs yet; under spark-submit the submit's own settings win."""

    master: Annotated[str, AfterValidator(_known_master)] | None = None
    conf: dict[str, str | int | float | bool] = Field(default_factory=dict)


class Workload(Section):
    """The whole file. Stages that it leaves out are not run.

    `variables` are names that text elsewhere in the file may use as `${name}`; `--set date=2026-11-20` gives one.
    """

    name: Name
    lake: str = Field(min_length=1)
    variables: dict[str, str] = Field(default_factory=dict)
    spark: Spark = Spark()
    sources: dict[Name, Source] = Field(min_length=1)
    clean: dict[Name, CleanTable] = Field(default_factory=dict)
    integrate: dict[Name, IntegrateTable] = Field(default_factory=dict)
    convert: Convert | None = None
    train: Train | None = None
    evaluate: Evaluate | None = None
    predict: Predict | None = None

    @property
    def dataset(self) -> str:
        """The name under which convert commits the dataset."""
        return (self.convert.dataset if self.convert else None) or self.name
