"""The result of a check, and helpers with which checks neither hang nor raise.

    Check("java", False, "none of version 17 or 21", "apt-get install openjdk-17-jdk-headless")
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes:
        ok: False if a job can't run, None if it can but the user should look.
        fix: a command or sentence that fixes it, empty if nothing need be done.
    """

    name: str
    ok: bool | None
    result: str
    fix: str = ""


def run_process(command: list[str], seconds: float) -> tuple[int, str]:
    """Exit code and last line of a process; code 1 if it can't be started or takes too long."""
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=environ, check=False)
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {seconds:.0f} s"
    except OSError as error:
        return 1, first_line(error)
    lines = (run.stderr if run.returncode else run.stdout).strip().splitlines()
    return run.returncode, lines[-1] if lines else ""


def run_with_timeout(seconds: float, work: Callable[[], None]) -> str:
    """Runs `work` in a thread. Returns the error or timeout as text, empty if there was none."""
    problem = [f"no answer within {seconds:.0f} s"]

    def run() -> None:
        try:
            work()
            problem[0] = ""
        except Exception as error:
            problem[0] = first_line(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return problem[0]


def installed(names: tuple[str, ...]) -> tuple[str, str]:
    """The first of the packages that is installed, and its version; the first name and an empty version if none is."""
    for name in names:
        try:
            return name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return names[0], ""


def first_line(error: BaseException) -> str:
    """An error as one line."""
    text = str(error).strip()
    return without_secrets(text.splitlines()[0] if text else type(error).__name__)


def without_secrets(text: str) -> str:
    """A text without the users and passwords of URLs in it."""
    return re.sub(r"(?<=://)[^/@\s]+@", "***@", text)
