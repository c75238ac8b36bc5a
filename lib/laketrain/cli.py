"""The command line. Each command calls one function of the library.

    laketrain run conf/mnist.yaml --set train.epochs=3 --to train
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from laketrain.errors import ConfigError, LaketrainError, Problem
from laketrain.pipeline.stages import BUILT_IN

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
                  help="Deep learning on the data in your lake: Spark prepares it, Horovod trains on it.")

ConfigPath = Annotated[Path, typer.Argument(help="The workload's YAML, e.g. conf/mnist.yaml", show_default=False)]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Change a key: train.epochs=3. Can be repeated.")]
LakeUrl = Annotated[str | None, typer.Option("--lake", help="Another lake than the config's: a path, hdfs://… or s3://…")]
_MOST_DAYS = 700_000
"""Before today, so that the date is one that Python has."""
Force = Annotated[bool, typer.Option("--force", help="Make it again even if nothing changed.")]


@contextmanager
def _print_errors() -> Iterator[None]:
    """Prints laketrain's errors without a stack trace, and exits with their code."""
    try:
        yield
    except LaketrainError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), markup=False, style="red")
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("interrupted; run the same command to continue", err=True)
        raise typer.Exit(130) from None


@app.command()
def run(config: ConfigPath, sets: Sets = None, lake: LakeUrl = None, force: Force = False,
        first: Annotated[str | None, typer.Option("--from", help="The first stage to run.")] = None,
        last: Annotated[str | None, typer.Option("--to", help="The last stage to run.")] = None,
        dates: Annotated[str | None, typer.Option("--dates", help="Run for each of these days, as ${date}: "
                                                  "2026-11-01..2026-11-20, or some with commas.")] = None) -> None:
    """Run all stages of a workload, only what changed."""
    with _print_errors():
        if dates is not None:
            _backfill(dates, config=config, sets=sets or (), lake=lake, first=first, last=last, force=force)
            return
        from laketrain.pipeline import Pipeline

        result = Pipeline(config, sets or (), lake).run(first, last, force)
        if not result.changed:
            typer.echo("nothing changed")
        if result.report is not None:
            typer.echo(f"report: {_location(result.report, 'report.html')}")


def _backfill(dates: str, **options: Any) -> None:
    from laketrain.config.language.dates import days
    from laketrain.pipeline.backfill import backfill

    def on_day(date: str) -> None:
        typer.echo(f"{date}  ({selected.index(date) + 1} of {len(selected)})")

    selected = days(dates)
    results = backfill(dates=selected, on_day=on_day, **options)
    made = sum(day.result is not None and day.result.changed for day in results)
    unchanged = sum(day.result is not None and not day.result.changed for day in results)
    failed = next((day for day in results if day.failure is not None), None)
    left = len(results) - made - unchanged - (failed is not None)
    typer.echo(f"{made} days made, {unchanged} unchanged"
               + (f"; {failed.date} failed, {left} not started" if failed else ""))
    if failed is not None and failed.failure is not None:
        raise failed.failure


def _stage_command(name: str) -> Callable[..., None]:
    def command(config: ConfigPath, sets: Sets = None, lake: LakeUrl = None, force: Force = False) -> None:
        stage(name, config, sets, lake, force)

    return command


for _stage in BUILT_IN:
    app.command(_stage.name, help=_stage.help)(_stage_command(_stage.name))


@app.command()
def stage(name: Annotated[str, typer.Argument(help="The stage's name.")], config: ConfigPath, sets: Sets = None,
          lake: LakeUrl = None, force: Force = False) -> None:
    """Run one stage of a workload, also one of a plugin."""
    with _print_errors():
        from laketrain.pipeline import Pipeline

        pipeline = Pipeline(config, sets or (), lake)
        pipeline.require(name)
        pipeline.run(name, name, force)


@app.command()
def stream(config: ConfigPath, sets: Sets = None, lake: LakeUrl = None,
           every: Annotated[str, typer.Option("--every", help="Time from one round to the next.")] = "1 minute",
           last: Annotated[str, typer.Option("--to", help="The stage up to which a round runs if something has "
                                                          "landed.")] = "ingest",
           patience: Annotated[str, typer.Option("--patience", help="Stop after rounds have failed for this long in "
                                                 "a row.")] = "10 minutes") -> None:
    """Land what arrives from Kafka or as files, until SIGTERM or Ctrl-C."""
    with _print_errors():
        from laketrain.pipeline.service import parse_duration, stop_on_signals
        from laketrain.pipeline.service import stream as serve

        times = parse_duration("--every", every), parse_duration("--patience", patience)
        with stop_on_signals() as stop:
            landed = serve(config, *times, last, sets or (), lake, stop)
        typer.echo(f"stopped; {landed} versions landed")


@app.command()
def profile(config: ConfigPath,
            table: Annotated[str | None, typer.Argument(help="A table such as pixels, clean/pixels or clean/pixels@2; "
                                                             "all of the workload's by default.")] = None,
            sets: Sets = None, lake: LakeUrl = None, force: Force = False,
            as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
            page: Annotated[Path | None, typer.Option("--html", help="Write the page of the one table here.")] = None
            ) -> None:
    """Show profiles of clean and integrated tables: rows, nulls, values, spread, drift; as numbers and as a page."""
    with _print_errors():
        from laketrain.pipeline import Pipeline
        from laketrain.report.terminal.profile import print_profile

        if page is not None and table is None:
            raise ConfigError("command line", [Problem("--html", "is one table's page, and no table is named",
                                                       "Name one, e.g. clean/pixels")])
        pipeline = Pipeline(config, sets or (), lake)
        views = [pipeline.profile(ref, force) for ref in ([table] if table else pipeline.profiled)]
        if as_json:
            profiles = [view.profile.model_dump(mode="json") for view in views]
            typer.echo(json.dumps(profiles[0] if table else profiles, indent=1))
            return
        for view in views:
            print_profile(view)
        if page is not None:
            views[0].save(page)
            typer.echo(f"written: {page}")


@app.command()
def check(config: ConfigPath, sets: Sets = None, lake: LakeUrl = None) -> None:
    """List everything that is wrong with a config, without running it."""
    with _print_errors():
        from laketrain.workload import Workload

        workload = Workload.load(config, sets or (), lake)
        typer.echo(f"{config}: OK")
        typer.echo(f"lake: {workload.lake}")


@app.command()
def schedule(config: ConfigPath, sets: Sets = None,
             at: Annotated[str, typer.Option("--at", help="When, in cron's five fields.")] = "15 3 * * *",
             airflow: Annotated[bool, typer.Option("--airflow", help="An Airflow DAG, not a line for cron.")] = False,
             program: Annotated[str | None, typer.Option("--program", help="What runs it, instead of this laketrain: "
                                                         "'spark-submit … jobs/{stage}.py'.")] = None) -> None:
    """Print a line for cron, or a DAG for Airflow, that runs a workload on a schedule."""
    with _print_errors():
        from laketrain.deploy.schedule import airflow_dag, cron_line
        from laketrain.workload import Workload

        typer.echo((airflow_dag if airflow else cron_line)(Workload.load(config, sets or ()), at, program, sets or ()))


@app.command()
def package(config: ConfigPath, sets: Sets = None, lake: LakeUrl = None,
            out: Annotated[Path | None, typer.Option("--out", help="By default build/package/<name>.")] = None,
            master: Annotated[str, typer.Option("--master", help="yarn, or k8s://https://…")] = "yarn",
            stage: Annotated[str | None, typer.Option("--stage", help="Only this stage.")] = None,
            executors: Annotated[int | None, typer.Option("--executors", min=1, help="By default as many as the ranks "
                                                          "need.")] = None,
            cores: Annotated[int, typer.Option("--cores", min=1, help="Cores of an executor: a rank needs one.")] = 1,
            memory: Annotated[str, typer.Option("--memory", help="Memory of an executor's JVM.")] = "1g",
            overhead: Annotated[str, typer.Option("--overhead", help="Memory of an executor outside the JVM, for "
                                                  "Python, TensorFlow and batches.")] = "2g",
            conf: Annotated[list[str] | None, typer.Option("--conf", help="More of Spark's settings: key=value. Can be "
                                                           "repeated.")] = None,
            environment: Annotated[str | None, typer.Option("--environment", help="An environment that is packed "
                                                            "already, by path or URL.")] = None,
            image: Annotated[str | None, typer.Option("--image", help="Kubernetes: the image's name.")] = None,
            secret: Annotated[list[str] | None, typer.Option("--secret", help="Kubernetes: VARIABLE=secret:key. Can be "
                                                             "repeated.")] = None) -> None:
    """Pack what a cluster needs for a workload, and print the spark-submit command."""
    with _print_errors():
        from laketrain.deploy import Cluster
        from laketrain.deploy import package as pack
        from laketrain.workload import Workload

        workload = Workload.load(config, sets or (), lake)
        cluster = Cluster(master, executors, cores, memory, overhead, conf=_pairs("--conf", conf), image=image,
                          secrets=_pairs("--secret", secret))
        packed = pack(workload, out or Path("build", "package", workload.name), cluster, sets=sets or (), stage=stage,
                      environment=environment)
        for note in packed.notes:
            typer.echo(f"note: {note}", err=True)
        for mode, command in packed.commands.items():
            typer.echo(f"# {mode} mode\n{command}\n")


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    """`key=value` words as a mapping."""
    pairs = [each.partition("=") for each in texts or ()]
    wrong = [Problem(option, f"received {key!r}, expected key=value") for key, equals, _ in pairs if not equals]
    if wrong:
        raise ConfigError("command line", wrong)
    return {key: value for key, _, value in pairs}


@app.command()
def show(what: Annotated[str | None, typer.Argument(help="A table such as clean/pixels, or clean/pixels@2.")] = None,
         lake: Annotated[str, typer.Option("--lake", help="The lake.")] = "build/lake",
         as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Show what the lake contains: tables, versions, counts, lineage."""
    with _print_errors():
        from laketrain.lake import Lake
        from laketrain.report.contents import describe, describe_table
        from laketrain.report.terminal.contents import print_contents, print_table

        opened = Lake(lake)
        contents = describe_table(opened, what) if what else describe(opened)
        if as_json:
            typer.echo(json.dumps(contents, indent=1))
        elif what:
            print_table(contents)
        else:
            print_contents(contents)


@app.command()
def verify(what: Annotated[str, typer.Argument(help="A version such as features/mnist@1, or the latest of a table.")],
           lake: Annotated[str, typer.Option("--lake", help="The lake.")] = "build/lake") -> None:
    """Read every byte of a version, and compare its checksums with those of the commit."""
    with _print_errors():
        from laketrain.lake import Lake, verify
        from laketrain.report.terminal.listener import progress_bar

        version = Lake(lake).version(what)
        with progress_bar(len(version.entry.files), f"reading {version.ref}") as on_file:
            corruptions = verify(version, on_file)
        for corruption in corruptions:
            typer.echo(f"{corruption.path} {corruption.problem}")
        size = sum(file.bytes for file in version.entry.files)
        unsummed = sum(file.crc32 is None for file in version.entry.files)
        typer.echo(f"{version.ref}: {len(version.entry.files)} files, {size / 1e6:.1f} MB, {len(corruptions)} flaws"
                   + (f"; {unsummed} files without a checksum were only counted" if unsummed else ""))
        if corruptions:
            raise typer.Exit(1)


@app.command()
def gc(lake: Annotated[str, typer.Option("--lake", help="The lake.")] = "build/lake",
       older_than: Annotated[float, typer.Option("--older-than", help="Hours since the last write.", min=0,
                                                   max=24 * _MOST_DAYS)] = 168.0,
       keep: Annotated[int | None, typer.Option("--keep", help="Also drop versions, except this many of the newest of "
                                                "each table and those that they were made from.", min=1)] = None,
       keep_days: Annotated[float | None, typer.Option("--keep-days", help="With --keep: also keep those of so many "
                                                       "days.", min=0, max=_MOST_DAYS)] = None,
       dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False) -> None:
    """Remove what killed runs left and, with --keep, old versions. Without --keep, no committed version is
    removed but checkpoints of trainings that nobody resumed."""
    with _print_errors():
        from laketrain.lake import Lake, Retention, collect, expire

        if keep_days is not None and keep is None:
            raise ConfigError("command line", [Problem("--keep-days", "needs --keep, which is missing",
                                                       "Add e.g. --keep 10")])
        if keep is not None:
            dropped = expire(Lake(lake), Retention(keep, keep_days), dry_run=dry_run)
            for version in dropped:
                typer.echo(version.ref)
            typer.echo(f"{'would drop' if dry_run else 'dropped'} {len(dropped)} versions")
        report = collect(Lake(lake), timedelta(hours=older_than), dry_run)
        for path in (*report.data, *report.temporary):
            typer.echo(path)
        verb = "would remove" if dry_run else "removed"
        typer.echo(f"{verb} {len(report.data)} abandoned directories and {len(report.temporary)} temporary files, "
                   f"{report.bytes / 1e6:.1f} MB")


@app.command()
def doctor(config: Annotated[Path | None, typer.Argument(help="The workload whose lake and ranks to check.")] = None,
           lake: LakeUrl = None) -> None:
    """Check this machine's installation; each failure has a fix."""
    with _print_errors():
        from laketrain.doctor import run_checks
        from laketrain.doctor import show as show_checks

        ranks = None
        if config is not None:
            from laketrain.workload import Workload

            workload = Workload.load(config, lake=lake)
            lake, ranks = workload.lake, workload.train.ranks.min if workload.train else None
        checks = run_checks(lake, ranks)
        show_checks(checks)
        if any(check.ok is False for check in checks):
            raise typer.Exit(1)


@app.command()
def sample(name: Annotated[str, typer.Argument(help="mnist")],
           directory: Annotated[Path, typer.Argument(help="The folder to land it in.")]) -> None:
    """Land sample data with known dirt, as from a careless production system."""
    with _print_errors():
        from laketrain.errors import nearest

        if name != "mnist":
            raise ConfigError("command line", [Problem("sample", f"there is no sample {name!r}",
                                                       nearest(name, ["mnist"]))])
        from laketrain.samples.mnist import land

        landing = land(directory)
        typer.echo(f"landed {landing.digits:,} digits with {sum(vars(landing.dirt).values())} flaws in {directory}")


def run_job(*stages: str) -> Any:
    """Runs a job of `jobs/`: a stage's command, or `run` without stages, with the arguments of spark-submit."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    if stages:
        command.command(help=f"Run the stage {stages[0]!r} of a workload.")(_stage_command(stages[0]))
    else:
        command.command()(run)
    return command(sys.argv[1:], prog_name=f"{stages[0] if stages else 'pipeline'}.py")


def run_stream_job() -> Any:
    """Runs `jobs/stream.py`: the command `stream` with the arguments of spark-submit."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(stream)
    return command(sys.argv[1:], prog_name="stream.py")


def _location(version: Any, file: str) -> str:
    path = version.path(file)
    return version.lake.store.local(path) or version.url(file)
