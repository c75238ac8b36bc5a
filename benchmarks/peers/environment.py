"""The peer's old environment, in the user's cache: it is made once and then reused.

    python = provide()          # e.g. ~/.cache/laketrain/peers/3f…/bin/python, with TensorFlow 2.15.1 and Horovod

requirements.lock names every package by hash; Horovod's wheel is built against that TensorFlow as set-up builds ours,
by the same code, with the same cache, but as released: without our patch of its background thread. It takes some
minutes and 2.5 GB. A stamp marks a complete environment; leftovers of a killed attempt are replaced.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
LOCK = Path(__file__).with_name("requirements.lock")
STAMP = "laketrain-peers-whole"


def folder_of(lock: Path = LOCK) -> Path:
    """The folder of the environment for this lock and this machine; other packages have another folder."""
    tools = _tools()
    facts = repr(sorted(tools.facts(lock, "cpu", mends=tools.TO_COMPILE).items())).encode()
    return Path(tools.shelf().parent / "peers" / hashlib.sha256(lock.read_bytes() + facts).hexdigest()[:24])


def is_whole(home: Path) -> bool:
    """Whether the environment there is complete."""
    return (home / STAMP).exists() and (home / "bin" / "python").exists()


def provide(lock: Path = LOCK) -> Path:
    """The environment's interpreter; makes the environment if it is missing.

    Raises StepFailed of tools/console.py, with the last lines of the step that failed.
    """
    home = folder_of(lock)
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not is_whole(home):
            shutil.rmtree(home, ignore_errors=True)
            _make(home, lock)
    return home / "bin" / "python"


def _make(home: Path, lock: Path) -> None:
    tools = _tools()
    from console import Console

    console, log, python = Console(), home.with_suffix(".log"), home / "bin" / "python"
    console.run("making the peers' environment", [sys.executable, "-m", "venv", str(home)], log)
    install = [*_installer(python), "--no-deps"]
    console.run("installing TensorFlow 2.15 and what else is of its age",
                [*install, "--require-hashes", "-r", str(lock)], log, _clean_environment())
    released = tools.TO_COMPILE
    wheel = tools.provide(tools.facts(lock, "cpu", mends=released), python, console, mends=released)
    console.run("installing Horovod", [*install, str(wheel)], log, _clean_environment())
    (home / STAMP).touch()


def _installer(python: Path) -> list[str]:
    """uv if set-up installed it, else pip."""
    has_uv = subprocess.run([sys.executable, "-m", "uv", "--version"], capture_output=True, check=False).returncode == 0
    if has_uv:
        return [sys.executable, "-m", "uv", "pip", "install", "--python", str(python)]
    return [str(python), "-m", "pip", "--disable-pip-version-check", "install"]


def _clean_environment() -> dict[str, str]:
    """The caller's environment without variables that lead Python to our packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


# tools/ are scripts, not a package: their folder is put on Python's path.
def _tools():  # type: ignore[no-untyped-def]
    if str(TOOLS) not in sys.path:
        sys.path.insert(0, str(TOOLS))
    import horovod_wheel

    return horovod_wheel


if __name__ == "__main__":
    print(provide())
