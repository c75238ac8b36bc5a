"""Cron lines and DAGs run the workload, and a DAG retries only failures that a retry can fix."""

from __future__ import annotations

import ast
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from laketrain.cli import app
from laketrain.deploy.schedule import airflow_dag, cron_line
from laketrain.errors import ConfigError
from laketrain.lake import Lake
from laketrain.pipeline import Pipeline
from laketrain.workload import Workload

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONFIG = """\
name: sales
lake: lake
{variables}sources:
  sales: {{format: csv, path: "landing/{file}.csv", schema: {{id: int, price: int}}}}
clean: {{sales: {{rules: [{{range: {{column: price, min: 0}}}}]}}}}
"""


@pytest.fixture
def dated(tmp_path: Path) -> Workload:
    config = tmp_path / "a folder" / "sales.yaml"
    config.parent.mkdir()
    config.write_text(CONFIG.format(variables="variables: {date: 2026-11-20}\n", file="${date}"))
    return Workload.load(config)


@pytest.fixture
def plain(tmp_path: Path) -> Workload:
    (tmp_path / "sales.yaml").write_text(CONFIG.format(variables="", file="all"))
    return Workload.load(tmp_path / "sales.yaml")


def test_a_cron_line_runs_the_workload_for_the_current_day(dated: Workload, plain: Workload) -> None:
    line = cron_line(dated, "15 3 * * *")
    assert line.startswith("15 3 * * * ")
    words = shlex.split(line.replace(r"\%", "%"))[5:]
    assert words == [str(Path(sys.executable).with_name("laketrain")), "run", dated.source, "--set",
                     "variables.date=$(date", "+%F)"]
    assert "--set" not in cron_line(plain, "@daily")
    assert cron_line(plain, "@daily", "ssh edge laketrain") == f"@daily ssh edge laketrain run {plain.source}"


def test_set_options_are_in_the_line_and_percent_signs_are_escaped(plain: Workload) -> None:
    sets = ["clean.sales.max_reject_fraction=0.5", "lake=/a lake 5%"]
    line = cron_line(plain, "@daily", sets=sets)
    assert r"5\%" in line and "5%" not in line
    assert shlex.split(line.replace(r"\%", "%"))[3:] == [plain.source, "--set", sets[0], "--set", sets[1]]
    airflow = Airflow()
    assert airflow.load(airflow_dag(plain, "@daily", sets=sets))["COMMAND"][2:] == [
        plain.source, "--set", sets[0], "--set", sets[1]]


@pytest.mark.parametrize("at", ["", "3 o'clock", "* * * *", "* * * * * *", "@never", "1 2 3 4 5\n6"])
def test_times_that_cron_does_not_accept_are_refused(plain: Workload, at: str) -> None:
    with pytest.raises(ConfigError, match="expected five fields"):
        cron_line(plain, at)
    with pytest.raises(ConfigError, match="expected five fields"):
        airflow_dag(plain, at)


@pytest.mark.parametrize(("at", "field"), [
    ("61 3 * * *", "'61' as the minute, expected 0 to 59"), ("15 25 * * *", "'25' as the hour, expected 0 to 23"),
    ("15 3 0 * *", "'0' as the day of the month"), ("15 3 * 13 *", "'13' as the month, expected 1 to 12 or jan to dec"),
    ("15 3 * * 8", "'8' as the day of the week, expected 0 to 7 or sun to sat"), ("a 3 * * *", "'a' as the minute"),
    ("*/0 3 * * *", "as the minute"), ("5/10 3 * * *", "as the minute"), ("15 5-3 * * *", "'5-3' as the hour"),
    ("1,,2 3 * * *", "'1,,2' as the minute"), ("15 3 * mon *", "'mon' as the month"),
    ("1- 3 * * *", "'1-' as the minute"),
])
def test_an_invalid_field_is_named(plain: Workload, at: str, field: str) -> None:
    for write in (cron_line, airflow_dag):
        with pytest.raises(ConfigError) as caught:
            write(plain, at)
        [problem] = caught.value.problems
        assert problem.where == "--at" and field in problem.problem


def test_every_wrong_field_is_reported(plain: Workload) -> None:
    with pytest.raises(ConfigError) as caught:
        cron_line(plain, "a b c d e")
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize(("at", "written"), [
    ("15  3 *\t* * ", "15 3 * * *"), ("*/5 8-18/2 1,15 jan-mar,DEC Mon-fri", "*/5 8-18/2 1,15 jan-mar,DEC Mon-fri"),
    ("05 03 01 01 7", "05 03 01 01 7"), (" @daily ", "@daily"), ("@midnight", "@midnight"), ("@annually", "@annually"),
])
def test_all_forms_of_crons_times_are_accepted(plain: Workload, at: str, written: str) -> None:
    assert cron_line(plain, at, "laketrain") == f"{written} laketrain run {plain.source}"


def test_a_dag_has_airflows_names_of_times(plain: Workload) -> None:
    for at, expected in (("@midnight", "@daily"), ("@annually", "@yearly"), ("@weekly", "@weekly"),
                         ("0  3 * * *", "0 3 * * *")):
        airflow = Airflow()
        airflow.load(airflow_dag(plain, at))
        assert airflow.dag["schedule"] == expected


@pytest.mark.parametrize(("program", "begins"), [
    ("spark-submit jobs/{stage}.py", "spark-submit jobs/pipeline.py"),
    ("spark-submit --master yarn jobs/pipeline.py", "spark-submit --master yarn jobs/pipeline.py"),
    ("ssh edge 'spark-submit jobs/{stage}.py'", "ssh edge 'spark-submit jobs/pipeline.py'"),
    ("laketrain {stage}", "laketrain run"), ("python -m laketrain", "python -m laketrain run"),
])
def test_a_cron_line_runs_all_stages(plain: Workload, program: str, begins: str) -> None:
    assert cron_line(plain, "@daily", program) == f"@daily {begins} {plain.source}"


def test_a_program_that_is_not_a_command_is_refused(plain: Workload) -> None:
    for write in (cron_line, airflow_dag):
        with pytest.raises(ConfigError, match="--program: received .*which isn't a command: No closing quotation"):
            write(plain, "@daily", "spark-submit 'x")
        with pytest.raises(ConfigError, match="--program: received ' ', which isn't a command: it is empty"):
            write(plain, "@daily", " ")


class Airflow:
    """A stub with the parts of Airflow that the generated file uses; the slow test uses a real one."""

    def __init__(self) -> None:
        self.dag: dict[str, Any] = {}
        self.tasks: list[Airflow.Task] = []

    class Task:
        def __init__(self, task_id: str, python_callable: Any, op_kwargs: dict[str, str]) -> None:
            self.name, self.call, self.arguments, self.after = task_id, python_callable, op_kwargs, list[str]()

        def __rshift__(self, other: Airflow.Task) -> None:
            other.after.append(self.name)

    class AirflowException(Exception): ...

    class AirflowFailException(AirflowException): ...

    def load(self, text: str) -> dict[str, Any]:
        """Runs the file, and returns its names."""
        airflow = self

        class Dag:
            def __init__(self, name: str, **settings: Any) -> None:
                airflow.dag = {"name": name, **settings}

            def __enter__(self) -> None: ...
            def __exit__(self, *_: object) -> None: ...

        class Operator(Airflow.Task):
            def __init__(self, **settings: Any) -> None:
                super().__init__(**settings)
                airflow.tasks.append(self)

        modules = {"airflow": types.SimpleNamespace(DAG=Dag),
                   "airflow.exceptions": types.SimpleNamespace(AirflowException=Airflow.AirflowException,
                                                               AirflowFailException=Airflow.AirflowFailException),
                   "airflow.operators.python": types.SimpleNamespace(PythonOperator=Operator)}
        with pytest.MonkeyPatch.context() as patch:
            for name in ("airflow", "airflow.operators"):
                patch.setitem(sys.modules, name, types.ModuleType(name))
            for name, module in modules.items():
                patch.setitem(sys.modules, name, module)
            names: dict[str, Any] = {}
            exec(compile(text, "dag.py", "exec"), names)
        return names


def test_a_dag_has_a_task_for_each_stage_in_order(dated: Workload) -> None:
    airflow = Airflow()
    names = airflow.load(airflow_dag(dated, "15 3 * * *"))
    assert (airflow.dag["name"], airflow.dag["schedule"], airflow.dag["catchup"], airflow.dag["max_active_runs"]) == (
        "laketrain_sales", "15 3 * * *", False, 1)
    assert [(task.name, task.after) for task in airflow.tasks] == [("ingest", []), ("clean", ["ingest"])]
    assert airflow.tasks[1].arguments == {"stage": "clean", "day": "{{ ds }}"}
    assert names["COMMAND"][1:] == ["run", dated.source, "--to", "{stage}", "--set", "variables.date={date}"]


@pytest.mark.parametrize(("program", "expected"), [
    ("laketrain", ["laketrain", "{stage}", "CONFIG"]), ("laketrain {stage}", ["laketrain", "{stage}", "CONFIG"]),
    ("spark-submit jobs/{stage}.py", ["spark-submit", "jobs/{stage}.py", "CONFIG"]),
    ("spark-submit jobs/pipeline.py", ["spark-submit", "jobs/pipeline.py", "CONFIG", "--to", "{stage}"]),
])
def test_without_a_date_a_task_runs_only_its_stage_if_the_program_can(
        plain: Workload, program: str, expected: list[str]) -> None:
    words = Airflow().load(airflow_dag(plain, "@daily", program))["COMMAND"]
    assert words == [word.replace("CONFIG", plain.source) for word in expected]


@pytest.mark.parametrize(("code", "raised"), [
    (0, None), (1, Airflow.AirflowException), (2, Airflow.AirflowFailException), (3, Airflow.AirflowFailException),
    (130, Airflow.AirflowException)])
def test_only_failures_that_a_retry_can_fix_are_retried(
        dated: Workload, capfd: pytest.CaptureFixture[str], code: int, raised: type[Exception] | None) -> None:
    script = f"import sys; print(sys.argv[1:]); sys.exit({code})"
    program = shlex.join([sys.executable, "-c", script, "jobs/{stage}.py"])
    airflow = Airflow()
    airflow.load(airflow_dag(dated, "@daily", program))
    if raised is None:
        airflow.tasks[0].call("ingest", "2026-11-21")
    else:
        with pytest.raises(raised, match=f"ended with {code}") as caught:
            airflow.tasks[0].call("ingest", "2026-11-21")
        assert type(caught.value) is raised
    assert ast.literal_eval(capfd.readouterr().out.strip()) == [
        "jobs/pipeline.py", dated.source, "--to", "ingest", "--set", "variables.date=2026-11-21"]


@pytest.mark.slow
def test_a_task_of_an_earlier_day_reads_that_days_data(dated: Workload, spark: SparkSession) -> None:
    """As when a day's tasks are cleared or backfilled after later days have run."""
    landing = Path(dated.source).parent / "landing"
    landing.mkdir()
    for day, price in (("2026-11-19", 5), ("2026-11-20", 7)):
        (landing / f"{day}.csv").write_text(f"1,{price}\n")
        Pipeline(dated.source, [f"variables.date={day}"], spark=spark).run(last="ingest")
    airflow = Airflow()
    airflow.load(airflow_dag(dated, "@daily"))
    [_, clean] = airflow.tasks
    clean.call("clean", "2026-11-19")
    version = Lake(Path(dated.source).parent / "lake").version("clean/sales")
    assert version.entry.parents == {"raw/sales": 1}


def test_the_command_line_prints_a_cron_line_or_a_dag(dated: Workload) -> None:
    run = CliRunner()
    assert run.invoke(app, ["schedule", dated.source]).output.startswith("15 3 * * * ")
    assert 'with DAG(' in run.invoke(app, ["schedule", dated.source, "--airflow", "--at", "@hourly"]).output
    refused = run.invoke(app, ["schedule", dated.source, "--at", "soon"])
    assert refused.exit_code == 2


@pytest.mark.slow
def test_a_real_airflow_runs_the_stages_of_its_day(tmp_path: Path) -> None:
    from tests import airflow

    try:
        run = airflow.provide(tmp_path / "airflow")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"Airflow's packages can't be had here: {error.stderr[-300:]}")
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "2026-11-19.csv").write_text("1,5\n")
    config = CONFIG.format(variables="variables: {date: 2026-11-20}\n", file="${date}").partition("clean:")[0]
    (tmp_path / "sales.yaml").write_text(config)
    dag = airflow_dag(Workload.load(tmp_path / "sales.yaml"), "15 3 * * *")
    (tmp_path / "airflow" / "dags" / "sales.py").write_text(dag)

    done = run("dags", "test", "laketrain_sales", "2026-11-19")
    assert done.returncode == 0, done.stderr
    assert "raw/sales@1" in done.stdout
    landed = Lake(tmp_path / "lake").version("raw/sales")
    assert [file.path for file in landed.entry.files] == ["2026-11-19.csv"]
    (tmp_path / "sales.yaml").write_text(config.replace("format: csv", "fromat: csv"))
    failed = run("dags", "test", "laketrain_sales", "2026-11-19")
    assert "AirflowFailException" in failed.stdout + failed.stderr
    assert "Did you mean 'format'?" in failed.stdout
