"""Short lines with the seconds since the start, and child processes that don't outlive their step.

    console = Console()
    console.say("Java 17.0.15 in /usr/lib/jvm/…")
    console.run("installing 171 packages", ["uv", "pip", "install", …], log=Path("set-up.log"))

On a terminal the seconds of a running step count up in place; elsewhere a line is printed each half minute. Standard
library only: set-up runs before anything is installed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

HEARTBEAT = 30.0
"""Seconds between two signs of life of a long step where the output is no terminal."""
PR_SET_PDEATHSIG = 1


class StepFailed(Exception):
    """A child process of a step ended with an error; `str()` of it ends with the last lines that it wrote."""

    def __init__(self, step: str, code: int, log: Path) -> None:
        super().__init__(step, code, log)
        self.step, self.code, self.log = step, code, log

    def __str__(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-25:] if self.log.exists() else []
        tail = "".join(f"\n    | {line}" for line in lines)
        return f"{self.step}: ended with code {self.code}. The whole log: {self.log}{tail}"


class Console:
    """Where set-up says what it does."""

    def __init__(self, keep: Sequence[int] = ()) -> None:
        """`keep`: file descriptors that children inherit, so that a lock on them is held while a child lives."""
        self.start = time.monotonic()
        self.keep = tuple(keep)
        self.live = sys.stdout.isatty()

    def say(self, text: str) -> None:
        """One line, with the seconds since the start before it."""
        clear = "\r\x1b[K" if self.live else ""
        print(f"{clear}{self._stamp()} {text}", flush=True)

    def run(self, step: str, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None,
            folder: Path | None = None) -> None:
        """Runs `command`, its output appended to `log`. Raises StepFailed, and ends the child whatever ends us."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            output.write(f"\n$ {' '.join(command)}\n".encode())
            output.flush()
            child = subprocess.Popen(
                list(command), cwd=folder, env=None if environ is None else dict(environ), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True, pass_fds=self.keep,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
            try:
                code = self._wait(child, step)
            except BaseException:
                _end(child)
                raise
        if code:
            raise StepFailed(step, code, log)

    def _wait(self, child: subprocess.Popen[bytes], step: str) -> int:
        self.say(f"{step} …")
        began = spoke = time.monotonic()
        while True:
            try:
                return child.wait(timeout=0.5)
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if self.live:
                    print(f"\r\x1b[K{self._stamp()} {step} … {now - began:.0f} s", end="", flush=True)
                elif now - spoke >= HEARTBEAT:
                    spoke = now
                    self.say(f"{step} … {now - began:.0f} s so far")

    def _stamp(self) -> str:
        return f"[{time.monotonic() - self.start:6.1f} s]"


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child and all that it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(timeout=3)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _die_with_parent() -> None:
    """In the child: has the kernel end it when set-up is killed outright, so that none writes on behind its back."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
