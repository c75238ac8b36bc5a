"""`make cluster-up`, `make cluster-demo` and `make cluster-down`.

    PYTHONPATH=tools python -m cluster up
    PYTHONPATH=tools python -m cluster demo
    PYTHONPATH=tools python -m cluster down
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from cluster.cluster import Cluster, end_all
from cluster.daemon import Failed, marked
from cluster.jars import Missing
from cluster.kafka import Kafka

FOLDER = Path(__file__).resolve().parents[2] / "build" / "cluster"
KAFKA = FOLDER / "kafka"


def up() -> int:
    """Starts all daemons, which keep running. Returns the exit code."""
    state, began = _state(), time.monotonic()
    if state and set(state["daemons"].values()) <= set(_running()):
        print("the cluster is up already")
        return _print(state)
    _end()  # processes that a killed start or a dead daemon left
    shutil.rmtree(FOLDER, ignore_errors=True)
    try:
        kafka = Kafka(KAFKA, attached=False).start(wait=False)  # it starts while the others do
        Cluster(FOLDER, attached=False).start("hdfs", "yarn")
        kafka.wait()
    except (Failed, Missing) as error:
        _end()
        print(f"no cluster: {error}", file=sys.stderr)
        return 1
    _note(kafka)
    print(f"the cluster is up, after {time.monotonic() - began:.0f} s")
    return _print(_state())


def down() -> int:
    """Stops all daemons. Returns the exit code. The logs stay."""
    running = len(_running())
    _end()
    for folder in (FOLDER, KAFKA):
        shutil.rmtree(folder / "data", ignore_errors=True)
    (FOLDER / "state.json").unlink(missing_ok=True)
    print(f"ended {running} processes" if running else "no cluster is up")
    return 0


def demo() -> int:
    """Runs `make demo` on the cluster, which is started if none is up. Returns the exit code."""
    from cluster.demo import walk

    return up() or walk(_state())


def _running() -> list[int]:
    return [*marked(FOLDER), *marked(KAFKA)]


def _end() -> None:
    for folder in (FOLDER, KAFKA):
        end_all(folder)


def _note(kafka: Kafka) -> None:
    """Adds the broker to the state."""
    state = _state()
    state["kafka"], state["daemons"]["kafka"] = kafka.servers, kafka.daemon.pid
    (FOLDER / "state.json").write_text(json.dumps(state, indent=1), "utf-8")


def _state() -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads((FOLDER / "state.json").read_text("utf-8"))
    except FileNotFoundError:
        return {}
    return result


def _print(state: dict[str, Any]) -> int:
    print(f"  HDFS  {state['hdfs']}\n  YARN  {state['yarn']}\n  Kafka {state['kafka']}\n  logs  {FOLDER / 'logs'}\n"
          f"  export HADOOP_CONF_DIR='{state['conf']}'")
    return 0


if __name__ == "__main__":
    commands = {"up": up, "down": down, "demo": demo}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(f"usage: python -m cluster {'|'.join(commands)}")
    sys.exit(commands[sys.argv[1]]())
