"""A workload's stages over one lake: the same code behind the command line, spark-submit and notebooks.

    pipeline = Pipeline("conf/mnist.yaml")
    pipeline.run()                       # all stages, only what changed
    dataset = pipeline.convert()         # or piece by piece
    dataset.show()

A stage reads what the stage before committed: in this pipeline if it ran here, else the latest version in the lake.
A model is measured on the dataset that it was trained on, also where a newer one is there.
Each result is looked up by the fingerprint of its config and inputs first; what is there already is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from laketrain.config.sources import BaseSource, Source
from laketrain.errors import CommitConflict, ConfigError, LakeError, LaketrainError, Problem
from laketrain.feed.dataset import Dataset
from laketrain.lake import Lake, Retention, Table, Version, lease, retire
from laketrain.lake.increments import added_to
from laketrain.lake.version import newer_parent, newest_of
from laketrain.report import RunRecord, write_report
from laketrain.stages import Outcome, between, declares
from laketrain.track import missing_packages
from laketrain.workload import Workload

if TYPE_CHECKING:
    import keras
    from pyspark.sql import SparkSession

    from laketrain.config.clean import CleanTable
    from laketrain.config.integrate import IntegrateTable
    from laketrain.report.profile import ProfileView


class Watcher(Protocol):
    """Who is told how a run gets on: the terminal, a notebook, nobody."""

    def begin(self, stage: str, name: str) -> None: ...
    def end(self, outcome: Outcome) -> None: ...
    def rank_event(self, rank: int, event: dict[str, Any]) -> None: ...
    def note(self, text: str) -> None: ...


class Pipeline:
    """One workload over one lake.

    Args:
        config: the YAML's path. sets: `key=value` as of `--set`. lake: another lake than the config's.
        watcher: told of progress; the terminal's by default.
        spark: a session to use; by default the active one, else one as the config says, made when first needed.

    Raises:
        ConfigError: with everything that is wrong in the config.
    """

    def __init__(self, config: str | Path, sets: Sequence[str] = (), lake: str | None = None,
                 watcher: Watcher | None = None, spark: SparkSession | None = None) -> None:
        self.workload = Workload.load(config, sets, lake)
        missing = list(missing_packages(self.workload.track))
        if missing:
            raise ConfigError(self.workload.source, missing)
        self.lake = Lake(self.workload.lake)
        self.outcomes: list[Outcome] = []
        self._watcher = watcher or terminal()
        self._spark = spark
        self._made: dict[str, Version] = {}
        self._noted: set[str] = set()

    @property
    def spark(self) -> SparkSession:
        """The Spark session; made at the first use, so that a run with nothing to do never starts Spark."""
        if self._spark is None:
            from laketrain.spark.s3 import check_s3
            from laketrain.spark.session import session

            self._spark = session(self.workload.spark, self.workload.name)
            if self.lake.url.startswith("s3"):
                check_s3(self._spark)
        return self._spark

    def run(self, first: str | None = None, last: str | None = None, force: bool = False) -> RunResult:
        """Runs the stages from `first` to `last` (all by default), then writes the report if anything was done.

        Raises what a stage raised, after the report of the failed run is written; ConfigError where a named stage is
        unknown, or where the workload has no section for it.
        """
        stages = between(first, last)
        for named in (first, last):
            if named is not None:
                self.require(named)
        began, started = datetime.now(timezone.utc), time.monotonic()
        self.outcomes, failure = [], None
        try:
            for stage in stages:
                if declares(self.workload, stage):
                    getattr(self, f"_{stage}")(force)
        except LaketrainError as error:
            failure = error
        seconds = time.monotonic() - started
        record = RunRecord(self.workload, self.workload.source, began, seconds, tuple(self.outcomes), failure)
        report = write_report(self.lake, record)
        if failure is not None:
            raise failure
        self._retire()
        return RunResult(record.outcomes, report)

    # The stages one by one, as notebooks call them.

    def ingest(self, force: bool = False, each: bool = False) -> dict[str, Version]:
        """Lands every source in `raw/`; with `each` also those after one that is refused, which is raised then."""
        return self._ingest(force, each)

    def clean(self, force: bool = False) -> dict[str, Version]:
        """Applies every clean section's rules."""
        return self._clean(force)

    def integrate(self, force: bool = False) -> dict[str, Version]:
        """Makes every integrated table."""
        return self._integrate(force)

    def convert(self, force: bool = False) -> Dataset:
        """Makes the dataset."""
        self.require("convert")
        return Dataset(self._convert(force))

    def train(self, force: bool = False) -> keras.Model:
        """Trains, and loads the committed model."""
        self.require("train")
        version = self._train(force)
        from laketrain.train.checkpoint import load_model

        return load_model(version)

    def evaluate(self, force: bool = False) -> dict[str, Any]:
        """Metrics, confusion matrix, worst mistakes and baselines of the committed model. Raises GateError."""
        self.require("evaluate")
        return dict(self._evaluate(force).entry.meta)

    def predict(self, force: bool = False) -> Version:
        """Scores the table of the predict section."""
        self.require("predict")
        return self._predict(force)

    def table(self, ref: str) -> Any:
        """The Spark DataFrame of a committed table: `clean/pixels`, or `clean/pixels@2` for that version."""
        from laketrain.spark.frames import read

        version = self.version(ref)
        if version.entry.table_schema is None:
            raise LakeError("lake", version.ref, "is no table of rows that Spark reads",
                            "name one of clean/, quarantine/, integrated/ or predictions/")
        files = [file.path for file in version.entry.files]
        return read(self.spark, version.url(), files, version.entry.table_schema)

    def profile(self, ref: str, force: bool = False) -> ProfileView:
        """What a committed table looks like: `clean/pixels`, `clean/pixels@2`, or `pixels`, the integrated table of
        that name, else the clean one. Made where there is none yet; in a notebook it shows itself as a page.

        Raises LakeError where there is no such table, DataError where Spark can't read it.
        """
        from laketrain.profile.model import PAGE, load_profile
        from laketrain.profile.store import ZONES, find_profile
        from laketrain.report.profile import ProfileView

        table = self.version(ref) if "/" in ref else self._table_input(ref)
        if table.zone not in ZONES:
            raise LakeError("profile", table.ref, "has no profile",
                            f"name a table of {' or '.join(f'{zone}/' for zone in ZONES)}")
        found = (None if force else find_profile(table)) or self._make_profile(table)
        place = found.path(PAGE)
        return ProfileView(load_profile(found), self.lake.store.local(place) or found.url(PAGE))

    def require(self, stage: str) -> None:
        """Raises ConfigError where the workload has no section for the stage."""
        if not declares(self.workload, stage):
            raise ConfigError(self.workload.source, [Problem(stage, f"there is no {stage!r} section", "Add one")])

    @property
    def profiled(self) -> list[str]:
        """The workload's tables that are there to be profiled: `clean/pixels`, …, `integrated/digits`."""
        tables = [*(self.lake.table("clean", name) for name in self.workload.clean),
                  *(self.lake.table("integrated", name) for name in self.workload.integrate)]
        return [table.path for table in tables if table.versions()]

    def version(self, ref: str) -> Version:
        """The version named as `zone/name`, the latest, or as `zone/name@number`."""
        return self.lake.version(ref)

    # What each stage needs, and how it is run unless its result is there.

    def _ingest(self, force: bool, each: bool = False) -> dict[str, Version]:
        versions, refused = {}, []
        for name, source in self.workload.sources.items():
            try:
                versions[name] = (self._ingest_files(name, source, force) if isinstance(source, Source)
                                  else self._ingest_rows(name, source))
            except LaketrainError as error:
                if not each:
                    raise
                refused.append(error)
        if len(refused) > 1:
            raise LaketrainError("ingest", f"{len(refused)} sources", "; ".join(map(str, refused)))
        if refused:
            raise refused[0]
        return versions

    def _ingest_files(self, name: str, source: Source, force: bool) -> Version:
        from laketrain.ingest import ingest, plan_ingest

        while True:
            before = self.lake.table("raw", name).latest()
            plan, key = plan_ingest(name, source, before)
            # What turns from increments to a whole becomes the newest, for the next increment to go on from.
            anew = force or (before is not None and not source.incremental and bool(added_to(before)))
            with suppress(CommitConflict):  # another job landed an increment meanwhile: what is new now?
                version = self._make("ingest", "raw", name, key, anew, partial(ingest, self.lake, name, plan, key),
                                     before=before.number if before else 0)
                if before is not None and plan.gone:
                    self._note_once(f"{plan.gone} files that {before.ref} holds are no longer at the source, and "
                                    f"{version.ref} is without them")
                return version

    def _ingest_rows(self, name: str, source: BaseSource) -> Version:
        """Lands what is new at a server, in as many versions as that takes; the latest one, which may be an earlier
        run's."""
        from laketrain.ingest.arrivals import arrivals

        table = self.lake.table("raw", name)
        self._watcher.begin("ingest", name)
        started, landed = time.monotonic(), False
        with self._alone(table, "arrivals"):
            for version in arrivals(self.spark, self.lake, name, source):
                self._ended(Outcome("ingest", version, False, time.monotonic() - started))
                started, landed = time.monotonic(), True
        if not landed:
            self._ended(Outcome("ingest", self.version(table.path), True, time.monotonic() - started))
        return self._made[table.path]

    def _clean(self, force: bool) -> dict[str, Version]:
        from laketrain.clean import clean, fingerprint_clean

        def make(name: str, table: CleanTable) -> Version:
            source = self.workload.sources[table.source or name]
            raw = self._input("raw", table.source or name, "ingest")
            key = fingerprint_clean(raw, table, source)
            return self._make("clean", "clean", name, key, force, partial(
                self._on_spark, clean, raw, name, table, source, key), [raw])

        versions = {}
        for name, table in self.workload.clean.items():
            versions[name] = self._of_newest(partial(make, name, table))
            self._profile(versions[name])
        return versions

    def _integrate(self, force: bool) -> dict[str, Version]:
        from laketrain.integrate import fingerprint_integrate, integrate

        versions: dict[str, Version] = {}

        def make(name: str, config: IntegrateTable) -> Version:
            # A table declared above is read as it was integrated, any other, of its own name too, as it was cleaned.
            tables = {table: self._input("integrated", table, "integrate") if table in versions
                      else self._input("clean", table, "clean") for table in config.tables}
            key = fingerprint_integrate(tables, config)
            return self._make("integrate", "integrated", name, key, force, partial(
                self._on_spark, integrate, tables, name, config, key), list(tables.values()))

        for name, config in self.workload.integrate.items():
            versions[name] = self._of_newest(partial(make, name, config))
            self._profile(versions[name])
        return versions

    def _convert(self, force: bool) -> Version:
        from laketrain.convert import convert, fingerprint_convert

        config, features = self.workload.convert, self.workload.features
        assert config is not None and features is not None
        name = self.workload.dataset

        def make() -> Version:
            table = self._table_input(config.table)
            key = fingerprint_convert(table, config, features)
            return self._make("convert", "features", name, key, force,
                              partial(self._on_spark, convert, table, name, config, features, key), [table])

        return self._of_newest(make)

    def _train(self, force: bool) -> Version:
        from laketrain.standing import standing_model
        from laketrain.track import tracked
        from laketrain.train import fingerprint_train, train

        config = self.workload.train
        assert config is not None
        name, tell = self.workload.name, self._watcher.rank_event

        def work(dataset: Version, key: str) -> Version:
            with tracked(self.workload, dataset, key, lambda text: tell(0, {"kind": "hint", "text": text})) as tracking:
                version = train(self.spark, dataset, name, config, key, tracking.hears(tell))
                tracking.committed(version)
            return version

        def make() -> Version:
            dataset = self._input("features", self.workload.dataset, "convert")
            standing = None if force else standing_model(dataset, name, config)
            if standing is not None:
                self._watcher.note(f"{standing.model.ref} stands ({standing.because}), as 'train.retrain_when' says")
                dataset = standing.dataset
            key = fingerprint_train(dataset, config)
            return self._make("train", "models", name, key, force, partial(work, dataset, key), [dataset])

        return self._of_newest(make)

    def _evaluate(self, force: bool) -> Version:
        from laketrain.evaluate import check_gate, evaluate, fingerprint_evaluate
        from laketrain.train.stage import ranks_now

        config, training = self.workload.evaluate, self.workload.train
        assert config is not None and training is not None
        model = self._input("models", self.workload.name, "train")
        dataset = self._trained_on(model)
        key, name = fingerprint_evaluate(dataset, model, config), self.workload.name
        version = self._make("evaluate", "runs", f"{name}-evaluation", key, force,
                             lambda: evaluate(self.spark, dataset, model, name, config,
                                              ranks_now(self.spark, training), key))
        # Also where nothing was evaluated anew: a model below the gate stays below it on every rerun.
        check_gate(config.gate, version.entry.meta["metrics"], f"{model.ref} on {config.split}")
        return version

    def _predict(self, force: bool) -> Version:
        from laketrain.predict import fingerprint_predict, predict

        config = self.workload.predict
        assert config is not None
        # Which model it is, the key knows; by which name it was asked for makes no difference.
        named, config = config.model, config.model_copy(update={"model": None})
        name = config.name or config.table

        def make() -> Version:
            table = self._table_input(config.table)
            model = self.version(named) if named else self._input("models", self.workload.name, "train")
            key = fingerprint_predict(table, model, config)
            before = None if force or not config.only_new else self.lake.table("predictions", name).latest()
            return self._make("predict", "predictions", name, key, force, partial(
                self._on_spark, predict, table, model, name, config, key, before), [table, model])

        return self._of_newest(make)

    def _trained_on(self, model: Version) -> Version:
        """The dataset that the model was trained on: features are learnt anew with each, so on any other one, also a
        newer one, its figures would mean nothing."""
        again = f"train a model: laketrain run {self.workload.source} --from train"
        parent = next((one for one in model.entry.parents.items() if one[0].startswith("features/")), None)
        if parent is None:
            raise LakeError("evaluate", model.ref, "doesn't say on which dataset it was trained, expected one of "
                            "features/ among its parents", again)
        table, number = parent
        dataset, ref = self.lake.table(*table.split("/")).at(number), f"{table}@{number}"
        if dataset is None:
            raise LakeError("evaluate", model.ref, f"was trained on {ref}, which is no longer there, and can't be "
                            "measured on another dataset", again)
        ours = self.lake.table("features", self.workload.dataset)
        newest = self._made.get(ours.path) or ours.latest()
        # Where this pipeline trained, or said that the model stands, there is nothing to tell.
        if model.table not in self._made and newest is not None and newest.ref != ref:
            self._watcher.note(f"{model.ref} is measured on {ref}, on which it was trained, and not on {newest.ref}")
        return dataset

    def _retire(self) -> None:
        """Drops what `retain` lets go of the tables that this run made, found or wrote beside."""
        policy = self.workload.retain
        if policy is None:
            return
        made = [outcome.version for outcome in self.outcomes]
        rejects = ("", "-joins", "-features", "-predictions")
        beside = {f"runs/{self.workload.name}", *(f"quarantine/{one.name}{end}" for one in made for end in rejects),
                  *(f"profiles/{one.zone}.{one.name}" for one in made)}
        gone = retire(self.lake, Retention(policy.versions, policy.days),
                      lambda table: table in beside or any(table == one.table for one in made))
        if gone:
            self._watcher.note(f"dropped {len(gone)} old versions, as 'retain' says")

    def _make(self, stage: str, zone: str, name: str, key: str, force: bool, work: Callable[[], Version],
              parents: Sequence[Version] = (), before: int | None = None) -> Version:
        """The version with the fingerprint `key`: found, or made by `work`, which no other job does meanwhile.

        Args:
            parents: what it is made of.
            before: the table's newest version when it was planned; by default the newest now.

        Raises CommitConflict where another job made the table of newer parents meanwhile; they are looked up anew when
        they are asked for again.
        """
        started, table = time.monotonic(), self.lake.table(zone, name)
        before = max(table.versions(), default=0) if before is None else before
        self._watcher.begin(stage, name)
        try:
            version = found = self._find(table, key, force, parents)
            if version is None:
                with self._alone(table, key):
                    # Whoever held the lease may have been followed by others: what is there now counts.
                    found = self._find(table, key, force, parents)
                    version = found or work()
        except CommitConflict:
            for parent in parents:
                self._made.pop(parent.table, None)
            raise
        self._ended(Outcome(stage, version, found is not None, time.monotonic() - started), before)
        return version

    def _find(self, table: Table, key: str, force: bool, parents: Sequence[Version]) -> Version | None:
        """The version with that key, unless it is to be made in any case. Raises CommitConflict as `_make`."""
        newest = newest_of(parents)
        latest = table.latest() if newest else None
        if latest is not None and (parent := newer_parent(latest, newest)):
            raise CommitConflict("lake", table.path, f"{latest.ref} was made of {parent} meanwhile",
                                 "make it again from the latest")
        return None if force else table.find(key)

    def _of_newest(self, make: Callable[[], Version]) -> Version:
        """What `make` makes; again, of newer parents, where another job made the table of such ones meanwhile: what is
        older would put the table back to what it was before."""
        while True:
            try:
                return make()
            except CommitConflict as error:
                self._watcher.note(f"{error.problem}: looking again")

    def _ended(self, outcome: Outcome, before: int = 0) -> None:
        """Notes what a stage made, or found, where `before` was the table's newest version, and tells of it."""
        version = outcome.version
        self._made[version.table] = replace(version, newest=max(version.number, before))
        self.outcomes.append(outcome)
        self._watcher.end(outcome)

    def _note_once(self, text: str) -> None:
        """Tells what a service would find again in every round."""
        if text not in self._noted:
            self._noted.add(text)
            self._watcher.note(text)

    def _alone(self, table: Table, key: str) -> AbstractContextManager[None]:
        """While no other job does the work `key` on the table; whom this one waits for is told."""
        return lease(self.lake, table.path, key, lambda who: self._watcher.note(f"{table.path}: {who}"))

    def _profile(self, table: Version) -> None:
        """Makes the profile of a committed table, unless it is there. Data and training don't need it: where it can't
        be made, that is told, and the run goes on."""
        from laketrain.profile.store import find_profile, fingerprint_profile, profiles_of

        if not self.workload.profile or find_profile(table) is not None:
            return
        try:
            with self._alone(profiles_of(table), fingerprint_profile(table)):
                if find_profile(table) is None:
                    self._make_profile(table)
        except Exception as error:
            self._watcher.note(f"no profile of {table.ref}: {error}")

    def _make_profile(self, table: Version) -> Version:
        from laketrain.profile.stage import profile
        from laketrain.report.profile import page_of

        started = time.monotonic()
        self._watcher.begin("profile", table.name)
        version = profile(self.spark, table, page_of)
        self._watcher.end(Outcome("profile", version, False, time.monotonic() - started))
        return version

    def _on_spark(self, work: Callable[..., Version], *given: Any) -> Version:
        return work(self.spark, *given)

    def _input(self, zone: str, name: str, stage: str) -> Version:
        """What `stage` made of `name`: in this pipeline, else the latest in the lake."""
        made = self._made.get(f"{zone}/{name}")
        if made is not None:
            return made
        version = self.lake.table(zone, name).latest()
        if version is None:
            raise LakeError("lake", f"{zone}/{name}", "nothing was committed to it yet",
                            f"run the stage {stage!r} first, e.g. laketrain run {self.workload.source} --to {stage}")
        return replace(version, newest=version.number)

    def _table_input(self, name: str) -> Version:
        """The integrated table of that name or, where none is declared, the clean one."""
        if name in self.workload.integrate:
            return self._input("integrated", name, "integrate")
        return self._input("clean", name, "clean")


@dataclass(frozen=True)
class RunResult:
    """What a run did: an outcome a table, and the report, if one was ever written."""

    outcomes: tuple[Outcome, ...]
    report: Version | None

    @property
    def changed(self) -> bool:
        """Whether anything was made, rather than found."""
        return any(not outcome.skipped for outcome in self.outcomes)


def terminal() -> Watcher:
    """Who is told where nobody else is named."""
    from laketrain.report.terminal import Terminal

    return Terminal()
