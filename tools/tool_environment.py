"""Makes environments for tools whose packages conflict with ours, in the user's cache: one for each lock file."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from horovod_wheel import shelf


def provide(name: str, lock: Path) -> Path:
    """The folder of a virtual environment with exactly what `lock` pins.

    Raises CalledProcessError if a package can't be downloaded; its `stderr` has uv's message.
    """
    home = shelf().with_name(name) / hashlib.sha256(lock.read_bytes()).hexdigest()[:24]
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if not (home / "whole").exists():
            shutil.rmtree(home, ignore_errors=True)
            for words in (["venv", "--python", sys.executable, str(home)],
                          ["pip", "install", "--python", str(home / "bin" / "python"), "--no-deps", "-r", str(lock)]):
                subprocess.run([sys.executable, "-m", "uv", *words], check=True, capture_output=True, text=True)
            (home / "whole").touch()
    return home
