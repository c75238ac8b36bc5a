"""A real Airflow, in an environment of its own in the user's cache, since its packages conflict with ours.

    run = provide(tmp_path)
    run("dags", "test", "laketrain_sales", "2026-11-19")
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tool_environment import provide as provide_environment

LOCK = Path(__file__).parents[1] / "requirements" / "airflow.lock"
_DROPPED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def provide(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Airflow's commands with its files in `home`, DAGs in `home/dags`.

    Raises CalledProcessError if its packages can't be installed.
    """
    airflow = provide_environment("airflow", LOCK) / "bin" / "airflow"
    environ = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    (home / "dags").mkdir(parents=True)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(airflow), *words], env=environ, text=True, capture_output=True, check=False)

    migrated = run("db", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    return run
