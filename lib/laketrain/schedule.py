"""A workload on a schedule: a line for cron, or a DAG for Airflow with a task a stage.

    cron_line(job, at="15 3 * * *")      # "15 3 * * * /…/bin/laketrain run /…/mnist.yaml --set variables.date=…"
    airflow_dag(job, at="15 3 * * *")    # the text of a Python file for Airflow's folder of DAGs

Both are text to be looked at and kept; laketrain starts nothing by itself.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from laketrain.config.document import Document
from laketrain.errors import ConfigError, Problem
from laketrain.stages import STAGES, declares
from laketrain.workload import Job

_TIMES = re.compile(r"(\S+ ){4}\S+|@(hourly|daily|weekly|monthly|yearly)")
_DAG = '''\
"""{name}: a task a stage of {config}.

Written by `laketrain schedule`; write it anew when the workload's stages change.
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
    """Runs one stage. What would only fail again (the config, the model below its gate) is not tried again."""
    words = [word.replace("{{stage}}", stage).replace("{{date}}", day) for word in COMMAND]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in process.stdout:
        print(line, end="", flush=True)
    code = process.wait()
    if code:
        again = AirflowFailException if code in (2, 3) else AirflowException
        raise again(f"{{' '.join(words)}} ended with {{code}}")


with DAG({dag!r}, schedule={at!r}, start_date=datetime(2020, 1, 1), catchup=False, max_active_runs=1,
         default_args={{"retries": 2, "retry_delay": timedelta(minutes=5)}}, tags=["laketrain"]) as dag:
    tasks = [PythonOperator(task_id=stage, python_callable=run, op_kwargs={{"stage": stage, "day": "{{{{ ds }}}}"}})
             for stage in STAGES]
    for before, after in zip(tasks, tasks[1:]):
        before >> after
'''


def cron_line(job: Job, at: str, program: str | None = None, sets: Sequence[str] = ()) -> str:
    """One line for a crontab: the whole run at these times, for the day that it is.

    Args:
        at: cron's five fields, or @daily and the like. program: what runs it, by default this laketrain. sets: what
            each run is told by `--set`.

    Raises:
        ConfigError: `at` is no time of cron's.
    """
    words = [*shlex.split(program or _laketrain()), "run", _config(job), *_given(sets)]
    dated = " --set variables.date=$(date +%F)" if _uses_date(job, sets) else ""
    # A percent sign ends cron's command unless it is escaped.
    command = f"{shlex.join(words)}{dated}".replace("%", r"\%")
    return f"{_checked(at)} {command}"


def airflow_dag(job: Job, at: str, program: str | None = None, sets: Sequence[str] = ()) -> str:
    """A DAG, for Airflow 2 and 3: a task a stage that the workload declares, one after the other, for the run's day.

    Args:
        at, sets: as of `cron_line`. program: what runs a stage, by default this laketrain; `{stage}` in it is the
            stage, which else follows it, as in `spark-submit --master yarn jobs/{stage}.py`.
    """
    words = shlex.split(program or _laketrain())
    words += ([] if any("{stage}" in word for word in words) else ["{stage}"]) + [_config(job), *_given(sets)]
    words += ["--set", "variables.date={date}"] if _uses_date(job, sets) else []
    declared = [stage for stage in STAGES if declares(job.workload, stage)]
    return _DAG.format(name=job.workload.name, config=_config(job), stages=declared, command=words, at=_checked(at),
                       dag=f"laketrain_{job.workload.name}")


def _checked(at: str) -> str:
    if not _TIMES.fullmatch(at):
        raise ConfigError("command line", [Problem("--at", f"received {at!r}, expected five fields as of cron",
                                                   "Write '15 3 * * *' for every night at 3:15, or @daily")])
    return at


def _laketrain() -> str:
    return shlex.quote(str(Path(sys.executable).with_name("laketrain")))


def _config(job: Job) -> str:
    return str(Path(job.source).absolute())


def _given(sets: Sequence[str]) -> list[str]:
    return [word for each in sets for word in ("--set", each)]


def _uses_date(job: Job, sets: Sequence[str]) -> bool:
    return "date" in Document.read(job.source, sets).used

