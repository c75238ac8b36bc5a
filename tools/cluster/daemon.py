"""One daemon: a process in a group of its own, with a log, that can be killed and started again.

    daemon = Daemon("datanode-1", command, folder, environ)
    daemon.start()
    daemon.kill()

All of a cluster's processes carry its mark in their environment, and so do those that they start (YARN's containers):
by it they are known as ours, also by another process than the one that started them.
"""

from __future__ import annotations

import ctypes
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MARK = "LAKETRAIN_CLUSTER"
_PR_SET_PDEATHSIG = 1
_PATIENCE_S = 8.0


class Failed(Exception):
    """A daemon failed; the message ends with the last lines of its log."""


@dataclass
class Daemon:
    """A process by its name. `attached`: it ends with the thread that started it."""

    name: str
    command: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    attached: bool = True
    pid: int = 0
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        return self.folder / "logs" / f"{self.name}.log"

    def start(self) -> None:
        """Starts it, its output appended to its log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._child = subprocess.Popen(
                list(self.command), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env={**self.environ, MARK: str(self.folder)}, start_new_session=True,
                preexec_fn=_die_with_parent if self.attached and sys.platform == "linux" else None,
            )
        self.pid = self._child.pid

    def alive(self) -> bool:
        """Whether the process runs, and is this one and not another with its number."""
        if self._child is not None:
            return self._child.poll() is None
        return self.pid in set(marked(self.folder))

    def signal(self, number: int) -> None:
        """Sends a signal to it, if it runs."""
        if self.alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kills it."""
        self.signal(signal.SIGKILL)
        self._wait()

    def end(self) -> None:
        """Terminates it, and kills it if it doesn't end."""
        self.signal(signal.SIGTERM)
        if not self._wait():
            self.kill()

    def last_lines(self, count: int = 12) -> str:
        """The end of its log, for a message."""
        lines = self.log.read_text(errors="replace").splitlines()[-count:] if self.log.exists() else []
        return "".join(f"\n    | {line}" for line in lines)

    def _wait(self) -> bool:
        end = time.monotonic() + _PATIENCE_S
        while self.alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True


def run_to_end(command: Sequence[str], folder: Path, environ: Mapping[str, str], patience: float) -> str:
    """Runs a command and returns its output. Raises Failed, with the output, if it fails."""
    done = subprocess.run(command, cwd=folder, env=environ, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patience, check=False)
    if done.returncode:
        raise Failed(f"{shlex.join(command)}: code {done.returncode}\n{done.stdout}")
    return done.stdout


def marked(folder: Path, processes: Path = Path("/proc")) -> Iterator[int]:
    """The processes that bear the mark of the cluster in `folder`; those that are dead and not yet collected don't."""
    mark = f"{MARK}={folder}".encode()
    for process in processes.glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                yield int(process.name)
        except OSError:
            continue  # it has ended, or is another user's


def _die_with_parent() -> None:
    """In the child: asks the kernel to end it with the process that started it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
