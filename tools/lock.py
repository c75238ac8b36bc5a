"""Writes requirements/*.lock: exact versions with hashes, for Linux on x86-64 and ARM and Python 3.11 to 3.13.

    make lock                      # = .venv/bin/python tools/lock.py
    make lock ARGS='--upgrade'     # update everything that requirements/tested.in doesn't pin

cpu.lock and gpu.lock have the newest versions, compat.lock the oldest that setup.py allows, docs.lock what builds the
site. uv writes a marker of all platforms at every line. This script leaves of it what distinguishes lines.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from packaging.markers import Marker

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("horovod", "petastorm", "samples", "track", "dev")
HEADER = "# Made by `make lock` from {sources}. Do not edit.\n"
MARKER = re.compile(r" ; (?P<marker>.*?)(?P<end> ?\\?)$")
MACHINES = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.12", "3.13")


def simplify(line: str, pythons: Sequence[str] = PYTHONS) -> str:
    """A line of a lock, its marker reduced to the machine and the Pythons that it doesn't hold for otherwise."""
    result = MARKER.search(line)
    if not result:
        return line
    marker = Marker(result["marker"])
    held = [(python, machine) for python in pythons for machine in MACHINES if marker.evaluate({
        "python_version": python, "python_full_version": f"{python}.5", "platform_machine": machine,
        "sys_platform": "linux", "implementation_name": "cpython"})]
    parts = [*_python_marker([python for python in pythons if python in dict(held)], pythons),
             *_machine_marker({machine for _, machine in held})]
    return line[: result.start()] + (f" ; {' and '.join(parts)}" if parts else "") + result["end"]


def _python_marker(held: list[str], pythons: Sequence[str]) -> list[str]:
    lower = [f"python_version >= '{held[0]}'"] if held[0] != pythons[0] else []
    upper = [f"python_version <= '{held[-1]}'"] if held[-1] != pythons[-1] else []
    return lower + upper


def _machine_marker(held: set[str]) -> list[str]:
    return [f"platform_machine == '{machine}'" for machine in held if len(held) == 1]


def lock_stack(name: str, device: str, constraints: str, pythons: Sequence[str], arguments: list[str]) -> None:
    """Writes requirements/<name>.lock, for the package with all its extras and TensorFlow's build for `device`."""
    extras = [argument for extra in (device, *EXTRAS) for argument in ("--extra", extra)]
    compile_lock(name, ["setup.py", "--constraint", f"requirements/{constraints}", *extras],
                 f"setup.py and requirements/{constraints}", pythons, arguments)


def compile_lock(name: str, sources: list[str], described: str, pythons: Sequence[str], arguments: list[str]) -> None:
    """Writes requirements/<name>.lock; what it pinned before stays pinned unless `--upgrade` is among `arguments`."""
    lock = ROOT / "requirements" / f"{name}.lock"
    draft = lock.with_suffix(".lock.part")
    if lock.exists():
        draft.write_bytes(lock.read_bytes())  # uv reads its preferences from the output file
    command = [sys.executable, "-m", "uv", "pip", "compile"]
    command += [str(ROOT / word) if (ROOT / word).exists() else word for word in sources]
    command += ["--universal", "--python-version", pythons[0], "--generate-hashes", "--no-annotate"]
    command += ["--no-header", "--quiet"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--output-file", str(draft), *arguments]
    try:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "pyproject.toml").write_text(_project(pythons), encoding="utf-8")
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        lines = [simplify(line, pythons) for line in draft.read_text(encoding="utf-8").splitlines()]
        draft.write_text(HEADER.format(sources=described) + "\n".join(lines) + "\n", encoding="utf-8")
        os.replace(draft, lock)
    finally:
        draft.unlink(missing_ok=True)
    print(f"{lock.relative_to(ROOT)}: {sum('==' in line for line in lines)} packages")


def _project(pythons: Sequence[str]) -> str:
    """The only form in which uv accepts the environments that a lock is for: a project's settings."""
    held = " or ".join(f"python_version == '{python}'" for python in pythons)
    environments = [f"sys_platform == 'linux' and platform_machine == '{machine}' and ({held})" for machine in MACHINES]
    return f"[tool.uv]\nenvironments = {json.dumps(environments)}\n"


if __name__ == "__main__":
    for device in ("cpu", "gpu"):
        lock_stack(device, device, "tested.in", PYTHONS, sys.argv[1:])
    lock_stack("compat", "cpu", "oldest.in", PYTHONS[:1], sys.argv[1:])
    compile_lock("docs", ["requirements/docs.in"], "requirements/docs.in", PYTHONS, sys.argv[1:])
