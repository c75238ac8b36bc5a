"""Runs a workload's stages on one lake; used by the command line, spark-submit and notebooks.

    pipeline = Pipeline("conf/mnist.yaml")
    pipeline.run()                       # all stages, only what changed
    dataset = pipeline.convert()         # or one by one
    dataset.show()

A stage reads the version that this pipeline made of its input, else the latest in the lake. A model is evaluated on the
dataset that it was trained on, even if there is a newer one. A version is made only if the lake has none with the
fingerprint of its config and inputs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from laketrain.errors import ConfigError, LakeError, LaketrainError, Problem
from laketrain.feed.dataset import Dataset
from laketrain.lake import Version
from laketrain.pipeline.context import Context
from laketrain.pipeline.hooks.profile import ProfileHook
from laketrain.pipeline.hooks.retain import RetainHook
from laketrain.pipeline.hooks.track import TrackHook
from laketrain.pipeline.profiles import view_profile
from laketrain.pipeline.runner import Runner
from laketrain.pipeline.stages import between, find_stage, in_order
from laketrain.profile.store import ZONES
from laketrain.report import write_report
from laketrain.report.terminal import Terminal
from laketrain.stages import Listener, Outcome, RunRecord, RunResult
from laketrain.track import missing_packages
from laketrain.workload import Workload

if TYPE_CHECKING:
    import keras
    from pyspark.sql import SparkSession

    from laketrain.report.profile import ProfileView


Config = str | Path | Mapping[str, Any] | Workload


class Pipeline:
    """One workload on one lake.

    Args:
        config: the YAML's path, a mapping with its keys, or a workload.
        sets: `key=value`, as `--set` has them. lake: another lake than the config's.
        listener: receives the events of a run; by default the terminal shows them.
        spark: a session to use; by default the active one, else one with the config's settings, started when first
            needed.

    Raises:
        ConfigError: the config is invalid. Lists all problems.
    """

    def __init__(self, config: Config, sets: Sequence[str] = (), lake: str | None = None,
                 listener: Listener | None = None, spark: SparkSession | None = None) -> None:
        if isinstance(config, Workload):
            if sets or lake is not None:
                raise ValueError("'sets' and 'lake' don't change a Workload; use workload.changed({...})")
            self.workload = config
        elif isinstance(config, Mapping):
            self.workload = Workload.of(config, sets=sets, lake=lake)
        else:
            self.workload = Workload.load(config, sets, lake)
        missing = list(missing_packages(self.workload.track))
        if missing:
            raise ConfigError(self.workload.source, missing)
        self.listener = listener or Terminal()
        self.context = Context(self.workload, self.listener, spark)
        self.lake = self.context.lake
        hooks = [ProfileHook(self.context), RetainHook(self.context), TrackHook(self.context)]
        self._runner = Runner(self.context, hooks)

    @property
    def spark(self) -> SparkSession:
        """The Spark session, started at the first use."""
        return self.context.spark

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes of the stages since the start of the last `run`."""
        return self._runner.outcomes

    def run(self, first: str | None = None, last: str | None = None, force: bool = False) -> RunResult:
        """Runs the stages from `first` to `last` (all by default), then writes the report if anything changed.

        Raises what a stage raised, after the report of the failed run is written; ConfigError if a named stage is
        unknown, or if the workload has no section for it.
        """
        stages = between(first, last)
        for name in (first, last):
            if name is not None:
                self.require(name)
        began, started, failure = datetime.now(timezone.utc), time.monotonic(), None
        self.outcomes.clear()
        try:
            for stage in stages:
                if stage.declared(self.workload):
                    self._runner.run(stage, force)
        except LaketrainError as error:
            failure = error
        record = RunRecord(self.workload, self.workload.source, in_order(), began, time.monotonic() - started,
                           tuple(self.outcomes), failure)
        report = write_report(self.lake, record)
        if failure is not None:
            raise failure
        self._runner.ended()
        return RunResult(record.outcomes, report)

    def stage(self, name: str, force: bool = False, each: bool = False) -> dict[str, Version]:
        """Runs one stage, also one of a plugin. Returns the version of each of its tables, new or not.

        Args:
            each: continues after a table that fails, and raises its error at the end.
        """
        self.require(name)
        return self._runner.run(find_stage(name, "stage"), force, each)

    # The stages one by one, as notebooks call them.

    def ingest(self, force: bool = False, each: bool = False) -> dict[str, Version]:
        """Lands every source in `raw/`. With `each`, continues after a failure, and raises it at the end."""
        return self.stage("ingest", force, each)

    def clean(self, force: bool = False) -> dict[str, Version]:
        """Applies every clean section's rules."""
        return self.stage("clean", force) if self.workload.clean else {}

    def integrate(self, force: bool = False) -> dict[str, Version]:
        """Makes every integrated table."""
        return self.stage("integrate", force) if self.workload.integrate else {}

    def convert(self, force: bool = False) -> Dataset:
        """Makes the dataset."""
        return Dataset(self._one("convert", force))

    def train(self, force: bool = False) -> keras.Model:
        """Trains, and loads the committed model."""
        version = self._one("train", force)
        from laketrain.models.saving import load_model

        return load_model(version)

    def evaluate(self, force: bool = False) -> dict[str, Any]:
        """Metrics, confusion matrix, worst mistakes and baselines of the committed model. Raises GateError."""
        return dict(self._one("evaluate", force).entry.meta)

    def predict(self, force: bool = False) -> Version:
        """Scores the table of the predict section."""
        return self._one("predict", force)

    def _one(self, stage: str, force: bool) -> Version:
        [version] = self.stage(stage, force).values()
        return version

    # What is in the lake.

    def version(self, ref: str) -> Version:
        """The latest version of `zone/name`, or the version `zone/name@number`."""
        return self.lake.version(ref)

    def table(self, ref: str) -> Any:
        """The Spark DataFrame of a committed table: `clean/pixels`, or `clean/pixels@2` for that version."""
        from laketrain.spark.frames import read

        version = self.version(ref)
        if version.entry.table_schema is None:
            raise LakeError("lake", version.ref, "isn't a table that Spark reads",
                            "name one of clean/, quarantine/, integrated/ or predictions/")
        files = [file.path for file in version.entry.files]
        return read(self.spark, version.url(), files, version.entry.table_schema)

    def profile(self, ref: str, force: bool = False) -> ProfileView:
        """The profile of a committed table: of `clean/pixels`, of `clean/pixels@2`, or of `pixels`, which is the
        integrated table of that name, else the clean one. Made if there is none yet. A notebook shows it as a page.

        Raises LakeError if there is no such table, DataError if Spark can't read it.
        """
        return view_profile(self.context, self.version(ref) if "/" in ref else self.context.table(ref), force)

    @property
    def profiled(self) -> list[str]:
        """The workload's tables that can be profiled: `clean/pixels`, …, `integrated/digits`."""
        tables = [self.lake.table(stage.zone, name) for stage in in_order()
                  if stage.zone in ZONES and stage.declared(self.workload) for name in stage.tables(self.workload)]
        return [table.path for table in tables if table.versions()]

    def require(self, stage: str) -> None:
        """Raises ConfigError if the workload has no section for the stage."""
        key = find_stage(stage, "stage").key
        if not find_stage(stage, "stage").declared(self.workload):
            raise ConfigError(self.workload.source, [Problem(key, f"there is no {key!r} section", "Add one")])
