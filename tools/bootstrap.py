"""Sets a checkout up: checks the machine, makes .venv, installs the lock, provides Horovod, installs the package.

    make setup                       # = python3.13 tools/bootstrap.py newest
    make setup STACK=oldest          # the oldest versions that setup.py allows, in .venv-oldest
    LAKETRAIN_DEVICE=gpu make setup  # the GPU lock, though no GPU is seen here (or `cpu`, though one is)

Done already, it compares a stamp and ends. Killed at any instant, it may be run again: the stamp is removed before the
first change and written after the last one, and a .venv without it is made anew, from the packages that the first
attempt left in the cache. Standard library only.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import horovod_wheel
from console import Console, StepFailed
from horovod_mends import BuildFailed
from stacks import STACKS, Stack, Target

ROOT = Path(__file__).resolve().parent.parent
UV = "uv==0.13.8"
SHAPED_BY = ("setup.py", "tools/bootstrap.py", "tools/horovod_wheel.py", "tools/horovod_mends.py", "tools/stacks.py")
"""Besides the lock: the files that decide what set-up does. One of them changed: set-up runs again."""
STAMP, UNFINISHED, TRASH = ".laketrain-stamp", ".laketrain-unfinished", ".venv-trash-"
MARK = "LAKETRAIN_SET_UP"
"""In the environment of all that set-up starts: the checkout that it is for."""
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}
"""pip's setting → the variable in which uv, which does not read pip's files, takes the same."""


def main() -> int:
    """Runs what is left to do; the process's exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal may know no `…`
    target = Target(ROOT, choose_device(os.environ), choose_stack(sys.argv[1:]))
    if is_done(target):
        print(f"set up: {target.venv} ({target.device})")
        return 0
    try:
        with _alone(ROOT) as lock_handle:
            if not is_done(target):
                end_orphans(ROOT)
                os.environ[MARK] = str(ROOT)
                set_up(target, Console(keep=[lock_handle]))
    except (StepFailed, BuildFailed, OSError) as error:
        print(f"set-up failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted. `make setup` takes it up again.", file=sys.stderr)
        return 130
    return 0


def set_up(target: Target, console: Console) -> None:
    """All steps. Raises StepFailed with the log's end, or exits with the list of what the machine lacks."""
    lock, venv = target.lock, target.venv
    known = horovod_wheel.facts(lock, target.device)
    java = load_java_finder(target.root)
    can_build = bool(horovod_wheel.compiler() or horovod_wheel.kept(known, horovod_wheel.shelf()))
    with_horovod = target.stack.horovod and can_build
    lacking = missing(sys.version_info[:2], target.stack.pythons, list(java.java_homes()))
    if lacking:
        sys.exit("This machine lacks, for laketrain:\n" + "".join(f"  - {line}\n" for line in lacking))
    home = java.find_java()
    console.say(f"Python {sys.version.split()[0]}, Java {home.version} ({home.path}), device: {target.device}")

    make_venv(target, console)
    log = venv / "set-up.log"
    install = Installer(venv, log, console)
    count = sum("==" in line for line in lock.read_text(encoding="utf-8").splitlines())
    install(f"installing {count} packages of requirements/{lock.name}", ["--require-hashes", "-r", str(lock)])
    if with_horovod:
        wheel = horovod_wheel.provide(known, venv / "bin" / "python", console)
        install("installing Horovod", ["--force-reinstall", str(wheel)])
    elif target.stack.horovod:
        console.say("no C++ compiler: ranks connect by the backend 'tensorflow'; for Horovod, install g++ and run "
                    "`make setup` again")
    install("installing laketrain itself", ["--no-build-isolation", "-e", str(target.root)])
    finish(target, with_horovod)
    console.say(f"set up. Next: `make demo`, or {venv.name}/bin/laketrain --help")


def missing(python: tuple[int, ...], pythons: Sequence[tuple[int, int]], java_homes: Sequence[Any]) -> list[str]:
    """What the machine lacks, one line each: what, what was found, and the command that brings it (on Debian).

    `pythons` are the versions that the stack works with, the newest first.
    """
    lines = []
    names = [f"{major}.{minor}" for major, minor in pythons]
    found = f"{python[0]}.{python[1]}"
    if found not in names:
        lines.append(f"Python {', '.join(names[1:] and names[:-1])}{' or ' if names[1:] else ''}{names[-1]} (this is "
                     f"{found}): apt-get install python{names[-1]}{{,-venv}}, or `pyenv install {names[0]}`; then make "
                     f"setup PYTHON=/path/to/python{names[0]}")
    elif importlib.util.find_spec("ensurepip") is None:
        lines.append(f"Python's venv module: apt-get install python{found}-venv")
    if not any(home.supported for home in java_homes):
        found = ", ".join(f"{home.version or 'unknown'} in {home.path}" for home in java_homes) or "none"
        lines.append(f"Java 17 or 21, for Spark (found: {found}): apt-get install openjdk-17-jdk-headless, "
                     "or set JAVA_HOME to one")
    return lines


def choose_device(environ: Mapping[str, str]) -> str:
    """`gpu` where an NVIDIA GPU answers, else `cpu`; LAKETRAIN_DEVICE decides otherwise."""
    asked = environ.get("LAKETRAIN_DEVICE", "").strip().lower()
    if asked in ("cpu", "gpu"):
        return asked
    if asked:
        sys.exit(f"LAKETRAIN_DEVICE is {asked!r}; it may be cpu or gpu")
    return "gpu" if os.path.exists("/dev/nvidia0") else "cpu"


def choose_stack(arguments: Sequence[str]) -> Stack:
    """The stack that the command line names; the newest if it names none."""
    name = arguments[0] if arguments else "newest"
    if name not in STACKS:
        sys.exit(f"STACK is {name!r}; it may be {' or '.join(STACKS)}")
    return STACKS[name]


def wanted_stamp(target: Target) -> dict[str, str]:
    """What the stamp says where set-up is done: a hash of all that shapes it, and where it was done."""
    digest = hashlib.sha256()
    for path in (target.lock, *(target.root / name for name in SHAPED_BY)):
        digest.update(path.read_bytes() + b"\0")
    return {"shaped_by": digest.hexdigest(), "root": str(target.root), "device": target.device, "python": _python()}


def _python() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def is_done(target: Target) -> bool:
    """Whether the environment is whole and of today's files, and has Horovod if it can. Starts nothing."""
    stamp = read_stamp(target.venv)
    has_horovod = stamp.pop("horovod", "no") == "yes"
    return ((target.venv / "bin" / "python").exists() and stamp == wanted_stamp(target)
            and (has_horovod or not target.stack.horovod or horovod_wheel.compiler() is None))


def read_stamp(venv: Path) -> dict[str, str]:
    """The stamp of the last set-up that ended well; empty where there is none."""
    try:
        return json.loads((venv / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def make_venv(target: Target, console: Console) -> None:
    """Leaves an environment to install into, marked as unfinished: the old one if it is whole and has this place and
    Python, else a new one.

    A folder of that name that is not ours is put aside, never removed.
    """
    venv = target.venv
    stamp, ours = read_stamp(venv), (venv / UNFINISHED).exists() or (venv / STAMP).exists()
    whole = stamp and not (venv / UNFINISHED).exists() and (venv / "bin" / "python").exists()
    if whole and (stamp.get("root"), stamp.get("python")) == (str(target.root), _python()):
        console.say(f"set-up has changed since the last time: mending {venv.name}")
    elif ours or (venv.is_dir() and not any(venv.iterdir())):
        reason = "" if stamp else "the last set-up did not end: "
        console.say(f"{reason}making {venv.name} again")
        # At once, and removed under another name: a half-removed .venv would not be known as ours.
        venv.rename(venv.with_name(f"{TRASH}{time.time_ns()}"))
    elif venv.exists() or venv.is_symlink():
        aside = venv.with_name(f"{venv.name}-before-{time.strftime('%Y%m%d-%H%M%S')}")
        console.say(f"{venv.name} is not laketrain's: it is now {aside.name}")
        venv.rename(aside)
    for trash in venv.parent.glob(f"{TRASH}*"):
        shutil.rmtree(trash, ignore_errors=True)
    venv.mkdir(exist_ok=True)
    (venv / UNFINISHED).touch()
    (venv / STAMP).unlink(missing_ok=True)
    if not (venv / "bin" / "python").exists():
        base = getattr(sys, "_base_executable", sys.executable)  # we may be running in the .venv that is remade
        console.run(f"making {venv.name}", [base, "-m", "venv", str(venv)], venv / "set-up.log")


def end_orphans(root: Path, processes: Path = Path("/proc")) -> None:
    """Ends what a set-up of this checkout that was killed outright left running: it would write into the new .venv.

    Whoever calls this holds the checkout's lock, so no living set-up's processes bear its mark.
    """
    mark = f"{MARK}={root}".encode()
    for process in processes.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (process / "environ").read_bytes().split(b"\0"):
                os.kill(int(process.name), signal.SIGKILL)


def finish(target: Target, with_horovod: bool) -> None:
    """Marks the environment as whole: the stamp appears in one piece, and the mark of an unfinished one goes first."""
    venv = target.venv
    draft = venv / f"{STAMP}.part"
    stamp = {**wanted_stamp(target), "horovod": "yes" if with_horovod else "no"}
    draft.write_text(json.dumps(stamp), encoding="utf-8")
    (venv / UNFINISHED).unlink(missing_ok=True)
    os.replace(draft, venv / STAMP)


class Installer:
    """Installs into a .venv with uv, which takes a fifth of pip's time, or with pip where uv can't."""

    def __init__(self, venv: Path, log: Path, console: Console) -> None:
        self.python, self.log, self.console = str(venv / "bin" / "python"), log, console
        self.pip = [self.python, "-m", "pip", "--disable-pip-version-check"]
        self.environ = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
        self.uv = self._has_uv()

    def __call__(self, step: str, arguments: list[str]) -> None:
        """Installs exactly what `arguments` name, without what that depends on: the lock is complete."""
        if self.uv:
            command = [self.python, "-m", "uv", "pip", "install", "--python", self.python, "--no-deps",
                       # As pip does: where users or containers forbid Python to write bytecode, every rank would
                       # else compile TensorFlow's sources anew at each start.
                       "--compile-bytecode"]
            try:
                self.console.run(step, [*command, *arguments], self.log, self.environ)
                return
            except StepFailed as error:
                self.uv = False
                self.console.say(f"uv failed, pip takes over ({error.log})")
        self.console.run(step, [*self.pip, "install", "--no-deps", *arguments], self.log, self.environ)

    def _has_uv(self) -> bool:
        try:
            self.console.run(f"fetching {UV}", [*self.pip, "install", "--quiet", UV], self.log, self.environ)
            self.console.run("starting it", [self.python, "-m", "uv", "--version"], self.log, self.environ)
        except StepFailed:
            self.console.say("uv can't be had here: pip does its work, more slowly")
            return False
        listed = subprocess.run([*self.pip, "config", "list"], capture_output=True, text=True, check=False).stdout
        self.environ = uv_environment(self.environ, pip_settings(listed))
        return True


def pip_settings(listed: str) -> dict[str, str]:
    """`pip config list`'s lines as a dict, the nearer one winning: environment, then [install], then [global]."""
    near = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for section, name, value in re.findall(r"^(:env:|\w+)\.([\w-]+)=(.*)$", listed, re.MULTILINE):
        if section in near and near[section] >= found.get(name, (0, ""))[0]:
            with contextlib.suppress(ValueError, SyntaxError):
                found[name] = near[section], str(ast.literal_eval(value))
    return {name: value for name, (_, value) in found.items()}


def uv_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """`environ` with pip's settings in uv's variables; a variable that is there already stands."""
    mapped = {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1"}
    for name, variable in PIP_TO_UV.items():
        words = settings.get(name, "").split()
        if name == "find-links":
            # pip passes over a folder that isn't there; uv refuses it.
            words = [word for word in words if "://" in word or Path(word).expanduser().is_dir()]
        if words:
            mapped[variable] = (",".join if name == "find-links" else " ".join)(words)
    if "UV_INDEX" in mapped:
        mapped["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip does; the lock's hashes guard against a mix-up
    if settings.get("no-index", "").lower() in ("1", "true", "yes"):
        mapped["UV_NO_INDEX"] = "1"
    return {**mapped, **environ}


def load_java_finder(root: Path) -> ModuleType:
    """The package's own finder of Java, loaded by its path: the package isn't installed yet."""
    path = root / "lib" / "laketrain" / "spark" / "java.py"
    loader = importlib.machinery.SourceFileLoader("laketrain_java", str(path))
    module = ModuleType(loader.name)
    sys.modules[loader.name] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[int]:
    """Holds the checkout's set-up lock; a second set-up waits. Children inherit it: none is left writing behind us."""
    with (root / ".setup.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another set-up of this checkout is at work: waiting for it …", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


if __name__ == "__main__":
    sys.exit(main())
