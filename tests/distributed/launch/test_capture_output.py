"""The driver has the last lines that a rank printed, even if the rank is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from laketrain.distributed.launch.rank_states import RankRegistry
from laketrain.distributed.launch.rendezvous import Rendezvous

LIB = Path(__file__).resolve().parents[3] / "lib"

RANK = """
import os, signal, sys
from laketrain.distributed.launch.capture_output import capture_output
from laketrain.distributed.launch.reporter import LaunchSpec

spec = LaunchSpec("train", 1, "127.0.0.1", int(sys.argv[1]), sys.argv[2], 60.0, None, None)
with capture_output(spec, 0):
    print("from Python")
    os.write(1, b"from C\\n")
    print("an error", file=sys.stderr)
    {end}
print("not captured")
"""


def output_of(end: str) -> tuple[RankRegistry, subprocess.CompletedProcess[str]]:
    """The driver's registry, and the output of the process, after a rank that ended by `end`."""
    registry = RankRegistry(1)
    with Rendezvous("127.0.0.1", 1, registry.handle) as server:
        process = subprocess.run([sys.executable, "-c", RANK.replace("{end}", end), str(server.port), server.token],
                                 env={**os.environ, "PYTHONPATH": str(LIB)}, capture_output=True, text=True)
        eventually(lambda: registry.states[0].exited_at is not None)
    return registry, process


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)


def test_lines_of_python_and_c_reach_the_driver_and_the_log() -> None:
    registry, process = output_of("pass")
    assert registry.states[0].log == ["from Python", "from C", "an error"]
    assert process.stderr.splitlines() == registry.states[0].log
    assert process.stdout == "not captured\n"


def test_the_last_lines_of_a_killed_rank_reach_the_driver() -> None:
    registry, process = output_of("os.kill(os.getpid(), signal.SIGKILL)")
    assert process.returncode == -9
    assert registry.states[0].exited_at is not None
    assert registry.states[0].log == ["from Python", "from C", "an error"]
