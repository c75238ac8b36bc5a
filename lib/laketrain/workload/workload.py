"""The workload of a YAML file, or of a mapping with the same keys: from raw files to predictions.

    workload = Workload.load("conf/mnist.yaml", sets=["train.epochs=3"])
    workload = Workload.of({"name": "mnist", "lake": "build/lake", "sources": {…}}, folder="conf")
    workload.features["image"].shape, workload.train.model
    workload.changed({"train.optimizer.learning_rate": 1e-3})      # a validated copy
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from laketrain.config.base import Name, Section
from laketrain.config.clean import CleanTable
from laketrain.config.evaluate import Evaluate, Predict
from laketrain.config.integrate import IntegrateTable
from laketrain.config.language.document import Document
from laketrain.config.retain import Retain
from laketrain.config.sources import AnySource
from laketrain.config.spark import Spark
from laketrain.config.track import Track
from laketrain.features import FeatureSet
from laketrain.tasks import Output, default_outputs
from laketrain.workload.convert import Convert
from laketrain.workload.paths import is_url
from laketrain.workload.plugins import with_plugins
from laketrain.workload.train import Train
from laketrain.workload.validation import validated


@dataclass(frozen=True)
class Origin:
    """The source of a workload. Comparisons of workloads ignore it.

    Attributes:
        document: the text or the mapping. folder: the folder from which relative paths start.
    """

    document: Document = field(compare=False)
    folder: Path = field(compare=False)


class Workload(Section):
    """The whole file. Stages whose section is missing are not run."""

    name: Name
    """The name of the dataset, the model and the runs in the lake."""
    lake: str = Field(min_length=1)
    """The lake: a directory, `hdfs://…` or `s3://…`. Relative paths start from the config's directory."""
    plugins: list[str] = Field(default_factory=list)
    """Modules that register your own stages, tasks and other parts, e.g. `[my_company.ranking]`. They are imported
    before the other sections are checked."""
    variables: dict[str, str] = Field(default_factory=dict)
    """Variables that texts elsewhere in the file may use as `${name}`. `--set date=2026-11-20` sets one. A day can be
    formatted, as `${date:%Y/%m/%d}`."""
    spark: Spark = Spark()
    """The Spark session."""
    sources: dict[Name, AnySource] = Field(min_length=1)
    """The sources of raw data, by the names of their tables."""
    clean: dict[Name, CleanTable] = Field(default_factory=dict)
    """The cleaned tables, by name."""
    integrate: dict[Name, IntegrateTable] = Field(default_factory=dict)
    """The integrated tables, by name."""
    profile: bool = True
    """Whether to profile every clean and integrated table: statistics and a page of plots."""
    convert: Convert | None = None
    """The dataset that models are trained on."""
    train: Train | None = None
    """The training; it needs `convert`."""
    evaluate: Evaluate | None = None
    """The evaluation of the model; it needs `train`."""
    predict: Predict | None = None
    """Predictions for the rows of a table; they need `train`."""
    retain: Retain | None = None
    """Which old versions are deleted after a successful run; by default none."""
    track: Track | None = None
    """The experiment trackers to which trainings are reported, MLflow and TensorBoard; by default none."""

    _origin: Origin | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: str | Path, sets: Sequence[str] = (), lake: str | None = None) -> Workload:
        """The workload of a YAML file. Relative paths start from the file's folder.

        Args:
            sets: changes such as `train.epochs=3`.
            lake: replaces the file's lake; a relative path starts from the current directory.

        Raises:
            ConfigError: with all problems of the file and of `sets`.
        """
        return cls._create(Document.read(path, sets), Path(path).absolute().parent, lake)

    @classmethod
    def of(cls, mapping: Mapping[str, Any], source: str = "workload", sets: Sequence[str] = (),
           lake: str | None = None, folder: str | Path | None = None) -> Workload:
        """The workload of a mapping with the keys of a YAML file, with the same checks.

        Args:
            source: the name of the mapping in errors.
            sets, lake: as in `load`.
            folder: the folder from which relative paths start; by default the current directory.

        Raises:
            ConfigError: with all problems of the mapping and of `sets`.
        """
        return cls._create(Document.of(mapping, source, sets), Path(folder or ".").absolute(), lake)

    def changed(self, changes: Mapping[str, Any]) -> Workload:
        """A copy with new values at dotted keys.

        Raises:
            ConfigError: with all problems, also those of unknown keys.
        """
        if self._origin is None:
            return Workload.of(self.model_dump(mode="json", by_alias=True), self.source).changed(changes)
        return self._create(self._origin.document.changed(changes), self._origin.folder)

    @classmethod
    def _create(cls, document: Document, folder: Path, lake: str | None = None) -> Workload:
        if lake is not None:
            document.override("lake", lake if is_url(lake) else str(Path(lake).absolute()))
        workload = validated(with_plugins(Workload, document), document, folder)
        workload._origin = Origin(document, folder)
        return workload

    @property
    def source(self) -> str:
        """Its name in errors: the path of its file, or the `source` of its mapping."""
        return self._origin.document.source if self._origin else f"workload {self.name}"

    @property
    def features(self) -> FeatureSet | None:
        """The features of the dataset; None without `convert`."""
        return self.convert.features if self.convert else None

    @property
    def outputs(self) -> dict[str, Output]:
        """The outputs of the model; without `train`, the targets of the dataset."""
        if self.features is None:
            return {}
        return default_outputs(self.features) if self.train is None else self.train.model.tasks(self.features)

    @property
    def dataset(self) -> str:
        """The name under which convert commits the dataset."""
        return (self.convert.dataset if self.convert else None) or self.name
