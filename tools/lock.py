"""Writes requirements/cpu.lock, gpu.lock and docs.lock: exact versions with hashes, for Linux on x86-64 and ARM.

    make lock                      # = .venv/bin/python tools/lock.py
    make lock ARGS='--upgrade'     # update everything that requirements/tested.in doesn't pin

uv writes both platforms as a marker of every line. This script removes them, except for packages of one platform.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("horovod", "samples", "track", "dev")
HEADER = "# Made by `make lock` from {sources}. Do not edit.\n"
MARKER = re.compile(r" ; (?P<marker>.*?)(?P<end> ?\\?)$")
MACHINES = ("x86_64", "aarch64")


def simplify(line: str) -> str:
    """A line of a lock with its marker reduced to the one machine that it names, or without it if it names both."""
    result = MARKER.search(line)
    if not result:
        return line
    named = [machine for machine in MACHINES if f"platform_machine == '{machine}'" in result["marker"]]
    marker = f" ; platform_machine == '{named[0]}'" if len(named) == 1 else ""
    return line[: result.start()] + marker + result["end"]


def lock_device(device: str, arguments: list[str]) -> None:
    """Writes requirements/<device>.lock, for the package with all its extras."""
    extras = [argument for extra in (device, *EXTRAS) for argument in ("--extra", extra)]
    compile_lock(device, ["setup.py", "--constraint", "requirements/tested.in", *extras],
                 "setup.py and requirements/tested.in", arguments)


def compile_lock(name: str, sources: list[str], described: str, arguments: list[str]) -> None:
    """Writes requirements/<name>.lock; what it pinned before stays pinned unless `--upgrade` is among `arguments`."""
    lock = ROOT / "requirements" / f"{name}.lock"
    draft = lock.with_suffix(".lock.part")
    if lock.exists():
        draft.write_bytes(lock.read_bytes())  # uv reads its preferences from the output file
    command = [sys.executable, "-m", "uv", "pip", "compile", *sources]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-annotate"]
    command += ["--no-header", "--quiet"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--output-file", str(draft), *arguments]
    try:
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        lines = [simplify(line) for line in draft.read_text(encoding="utf-8").splitlines()]
        draft.write_text(HEADER.format(sources=described) + "\n".join(lines) + "\n", encoding="utf-8")
        os.replace(draft, lock)
    finally:
        draft.unlink(missing_ok=True)
    print(f"{lock.relative_to(ROOT)}: {sum('==' in line for line in lines)} packages")


if __name__ == "__main__":
    for device in ("cpu", "gpu"):
        lock_device(device, sys.argv[1:])
    compile_lock("docs", ["requirements/docs.in"], "requirements/docs.in", sys.argv[1:])
