"""Schedules a workload: a line for cron, or a DAG for Airflow with a task for each stage.

    cron_line(workload, at="15 3 * * *")      # "15 3 * * * /…/bin/laketrain run /…/mnist.yaml --set variables.date=…"
    airflow_dag(workload, at="15 3 * * *")    # the text of a Python file for Airflow's folder of DAGs

Both are texts to save; laketrain starts nothing.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from laketrain.config.language.document import Document
from laketrain.errors import ConfigError, Problem
from laketrain.pipeline.stages import BUILT_IN, in_order
from laketrain.workload import Workload

_NICKNAMES = {"@hourly": "@hourly", "@daily": "@daily", "@midnight": "@daily", "@weekly": "@weekly",
          "@monthly": "@monthly", "@yearly": "@yearly", "@annually": "@yearly"}
"""Cron's names of times, each with Airflow's."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Mapping[str, tuple[int, int, tuple[str, ...]]] = {
    "minute": (0, 59, ()), "hour": (0, 23, ()), "day of the month": (1, 31, ()), "month": (1, 12, _MONTHS),
    "day of the week": (0, 7, _DAYS),
}
"""Cron's fields: the smallest and the largest number, and the names of the numbers from the smallest."""
_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]+))?")
_DAG = '''\
"""{name}: a task for each stage of {config}.

Written by `laketrain schedule`; write it again when the workload's stages change.
"""

import subprocess
from datetime import datetime, timedelta

from airflow import DAG
from airflow.exceptions import AirflowException, AirflowFailException

try:
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:  # Airflow 2
    from airflow.operators.python import PythonOperator

STAGES = {stages!r}
COMMAND = {command!r}


def run(stage: str, day: str) -> None:
    """Runs a stage on the day's tables of the stages before it. A failure that a retry can't fix (the config, a model
    below its gate) isn't retried."""
    arguments = [word.replace("{{stage}}", stage).replace("{{date}}", day) for word in COMMAND]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        print(line, end="", flush=True)
    code = process.wait()
    if code:
        error = AirflowFailException if code in (2, 3) else AirflowException
        raise error(f"{{' '.join(arguments)}} ended with {{code}}")


with DAG({dag!r}, schedule={at!r}, start_date=datetime(2020, 1, 1), catchup=False, max_active_runs=1,
         default_args={{"retries": 2, "retry_delay": timedelta(minutes=5)}}, tags=["laketrain"]) as dag:
    tasks = [PythonOperator(task_id=stage, python_callable=run, op_kwargs={{"stage": stage, "day": "{{{{ ds }}}}"}})
             for stage in STAGES]
    for before, after in zip(tasks, tasks[1:]):
        before >> after
'''


def cron_line(workload: Workload, at: str, program: str | None = None, sets: Sequence[str] = ()) -> str:
    """One line for a crontab: the whole run at these times, for the current day.

    Args:
        at: cron's five fields, or @daily and the like. program: what runs it, by default this laketrain; `{stage}` in
            it is replaced by `pipeline`, the job of all stages, as in `spark-submit --master yarn jobs/{stage}.py`.
        sets: the `--set` options of each run.

    Raises:
        ConfigError: cron doesn't understand `at`, or `program` isn't a command.
    """
    words = [*_whole_run(_words(program)), _config(workload), *_options(sets)]
    dated = " --set variables.date=$(date +%F)" if _uses_date(workload, sets) else ""
    # A percent sign ends cron's command unless it is escaped.
    command = f"{shlex.join(words)}{dated}".replace("%", r"\%")
    return f"{_checked(at)} {command}"


def airflow_dag(workload: Workload, at: str, program: str | None = None, sets: Sequence[str] = ()) -> str:
    """A DAG, for Airflow 2 and 3: a task for each declared stage, one after the other, for the run's day.

    Args:
        at, sets: as of `cron_line`.
        program: what runs a stage, by default this laketrain; `{stage}` in it is replaced by the stage, as in
            `spark-submit --master yarn jobs/{stage}.py`. Without it the stage is an argument.

    If the workload uses the date, a task runs all stages up to its own; the earlier ones find that day's versions.

    Raises:
        ConfigError: as `cron_line` does.
    """
    words, times, dated = _words(program), _checked(at), _uses_date(workload, sets)
    stages, named = [stage for stage in in_order() if stage.declared(workload)], _names_stage(words)
    # A single stage would read the newest version of its inputs, which may be another day's.
    if dated or (words[-1].endswith(".py") and not named):
        words = [*_whole_run(words), _config(workload), "--to", "{stage}"]
    elif named:
        words += [_config(workload)]
    else:
        words += [*([] if set(stages) <= set(BUILT_IN) else ["stage"]), "{stage}", _config(workload)]
    words += [*_options(sets), *(["--set", "variables.date={date}"] if dated else [])]
    return _DAG.format(name=workload.name, config=_config(workload), stages=[stage.name for stage in stages],
                       command=words, at=_NICKNAMES.get(times, times), dag=f"laketrain_{workload.name}")


def _words(program: str | None) -> list[str]:
    problem = "it is empty"
    try:
        words = shlex.split(program or _laketrain())
    except ValueError as error:
        words, problem = [], str(error)
    if not words:
        raise ConfigError("command line", [Problem("--program", f"received {program!r}, which isn't a command: "
                                                   f"{problem}", "Write it as in a shell")])
    return words


def _names_stage(words: list[str]) -> bool:
    return any("{stage}" in word for word in words)


def _whole_run(words: list[str]) -> list[str]:
    """The command that runs all stages: the job `pipeline` if it names a job's file, else `laketrain run`."""
    if _names_stage(words):
        return ["run" if word == "{stage}" else word.replace("{stage}", "pipeline") for word in words]
    return words if words[-1].endswith(".py") else [*words, "run"]


def _checked(at: str) -> str:
    """`at` with one space between its fields. Raises ConfigError if cron wouldn't accept it."""
    fields = at.split()
    if at.strip() in _NICKNAMES:
        return at.strip()
    if len(fields) != len(_FIELDS):
        raise ConfigError("command line", [Problem("--at", f"received {at!r}, expected five fields as in cron",
                                                   "Write '15 3 * * *' for every night at 3:15, or @daily")])
    wrong = [Problem("--at", f"received {field!r} as the {name}, expected {_expected(name)}",
                     "Or a list such as 1,3, a range such as 1-5, a step such as */2, or * for all")
             for field, name in zip(fields, _FIELDS, strict=True)
             if not all(_is_valid(part, *_FIELDS[name]) for part in field.lower().split(","))]
    if wrong:
        raise ConfigError("command line", wrong)
    return " ".join(fields)


def _expected(name: str) -> str:
    low, high, names = _FIELDS[name]
    return f"{low} to {high}" + (f" or {names[0]} to {names[-1]}" if names else "")


def _is_valid(part: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    """Whether a part of a field, without commas, is one of cron's."""
    match = _PART.fullmatch(part)
    if match is None or (match["step"] and (not int(match["step"]) or (match["first"] and not match["last"]))):
        return False
    numbers = {**{str(number): number for number in range(low, high + 1)},
               **{name: low + index for index, name in enumerate(names)}}
    ends = [numbers.get(word.lstrip("0") or "0", -1) for word in (match["first"], match["last"]) if word]
    return -1 not in ends and ends == sorted(ends)


def _laketrain() -> str:
    return shlex.quote(str(Path(sys.executable).with_name("laketrain")))


def _config(workload: Workload) -> str:
    return str(Path(workload.source).absolute())


def _options(sets: Sequence[str]) -> list[str]:
    return [word for each in sets for word in ("--set", each)]


def _uses_date(workload: Workload, sets: Sequence[str]) -> bool:
    return "date" in Document.read(workload.source, sets).used

