"""A real Airflow, in an environment of its own in the user's cache: its packages don't go with ours.

    run = provide(tmp_path)
    run("dags", "test", "laketrain_sales", "2026-11-19")
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from horovod_wheel import shelf

LOCK = Path(__file__).parents[1] / "requirements" / "airflow.lock"
_DROPPED = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")


def provide(home: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Airflow's commands with its files in `home`, DAGs in `home/dags`.

    Raises CalledProcessError where its packages can't be had.
    """
    airflow = _environment() / "bin" / "airflow"
    environ = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    environ |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    (home / "dags").mkdir(parents=True)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(airflow), *words], env=environ, text=True, capture_output=True, check=False)

    migrated = run("db", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    return run


def _environment() -> Path:
    home = shelf().with_name("airflow") / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:24]
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not (home / "whole").exists():
            shutil.rmtree(home, ignore_errors=True)
            for words in (["venv", "--python", sys.executable, str(home)],
                          ["pip", "install", "--python", str(home / "bin" / "python"), "--no-deps", "-r", str(LOCK)]):
                subprocess.run([sys.executable, "-m", "uv", *words], check=True, capture_output=True, text=True)
            (home / "whole").touch()
    return home
