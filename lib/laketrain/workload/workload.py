"""One YAML file, or one mapping, is one workload: from raw files to predictions.

    workload = Workload.load("conf/mnist.yaml", sets=["train.epochs=3"])
    workload = Workload.of({"name": "mnist", "lake": "build/lake", "sources": {…}}, folder="conf")
    workload.features["image"].shape, workload.train.model
    workload.changed({"train.optimizer.learning_rate": 1e-3})      # a new one, checked again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from laketrain.config.base import Name, Section
from laketrain.config.clean import CleanTable
from laketrain.config.document import Document
from laketrain.config.evaluate import Evaluate, Predict
from laketrain.config.integrate import IntegrateTable
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
    """What a workload was made from. It doesn't count when workloads are compared.

    Attributes:
        document: the text or the mapping, as it was written. folder: where its relative paths begin.
    """

    document: Document = field(compare=False)
    folder: Path = field(compare=False)


class Workload(Section):
    """The whole file. Stages that it leaves out are not run."""

    name: Name
    """What the dataset, the model and the runs are called in the lake."""
    lake: str = Field(min_length=1)
    """Where the lake is: a directory, `hdfs://…` or `s3://…`. A relative one is seen from the config's own
    directory."""
    plugins: list[str] = Field(default_factory=list)
    """Modules that register stages and other parts of your own, e.g. `[my_company.ranking]`. They are imported before
    the rest is checked."""
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

    _origin: Origin | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: str | Path, sets: Sequence[str] = (), lake: str | None = None) -> Workload:
        """The workload of a YAML file. Relative paths begin at the file's folder.

        Args:
            sets: changes such as `train.epochs=3`.
            lake: replaces the file's lake; a relative one begins at the current directory.

        Raises:
            ConfigError: with all problems of the file and of `sets`.
        """
        return cls._made(Document.read(path, sets), Path(path).absolute().parent, lake)

    @classmethod
    def of(cls, mapping: Mapping[str, Any], source: str = "workload", sets: Sequence[str] = (),
           lake: str | None = None, folder: str | Path | None = None) -> Workload:
        """The workload of a mapping with the keys of a YAML file, checked as that would be.

        Args:
            source: what errors call the mapping.
            sets, lake: as in `load`.
            folder: where relative paths begin; by default the current directory.

        Raises:
            ConfigError: with all problems of the mapping and of `sets`.
        """
        return cls._made(Document.of(mapping, source, sets), Path(folder or ".").absolute(), lake)

    def changed(self, changes: Mapping[str, Any]) -> Workload:
        """A new workload with another value at each dotted key; this one stays the same.

        Raises:
            ConfigError: with all problems, a key that no section has among them.
        """
        if self._origin is None:
            return Workload.of(self.model_dump(mode="json", by_alias=True), self.source).changed(changes)
        return self._made(self._origin.document.changed(changes), self._origin.folder)

    @classmethod
    def _made(cls, document: Document, folder: Path, lake: str | None = None) -> Workload:
        if lake is not None:
            document.override("lake", lake if is_url(lake) else str(Path(lake).absolute()))
        workload = validated(with_plugins(Workload, document), document, folder)
        workload._origin = Origin(document, folder)
        return workload

    @property
    def source(self) -> str:
        """What errors call it: the path of its file, or the name that its mapping was given."""
        return self._origin.document.source if self._origin else f"workload {self.name}"

    @property
    def features(self) -> FeatureSet | None:
        """The features of its dataset; None without `convert`."""
        return self.convert.features if self.convert else None

    @property
    def outputs(self) -> dict[str, Output]:
        """What its model learns; without `train`, the targets of its dataset."""
        if self.features is None:
            return {}
        return default_outputs(self.features) if self.train is None else self.train.model.tasks(self.features)

    @property
    def dataset(self) -> str:
        """The name under which convert commits the dataset."""
        return (self.convert.dataset if self.convert else None) or self.name
