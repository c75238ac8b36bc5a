"""Kafka: one broker that is its own controller (KRaft), so one process and no ZooKeeper.

    with Kafka(folder) as kafka:         # ended with the block, and with the process whatever ends that
        kafka.start()
        kafka.servers                    # 127.0.0.1:23456
        kafka.kill(); kafka.start()      # as a power cut, and after it
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from types import TracebackType

from cluster.cluster import end_all
from cluster.daemon import Daemon, Failed, run_to_end
from cluster.jars import jars, java
from cluster.ports import LOOPBACK, free_ports, listens

START_S = 60
NAME = "kafka"
_MAIN, _FORMAT = "kafka.Kafka", "kafka.tools.StorageTool"
_CLUSTER = "laketrain-test-cluster"
_JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true")
"""Fits a small machine."""


class Kafka:
    """A broker in a folder of its own: `server.properties`, `data/`, `logs/`. `attached`: it does not outlive the
    process that started it.

    Raises Missing where the jars, or Java, can't be had.
    """

    def __init__(self, folder: Path, attached: bool = True) -> None:
        self.folder, self.attached = folder.resolve(), attached
        self._java, self._jars = java(), jars("kafka")
        self.port, controller = free_ports(2)
        self._properties = self.folder / "server.properties"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in self._settings(controller).items()))
        self.daemon = Daemon(NAME, self._command(_MAIN, str(self._properties)), self.folder, self._environ(), attached)

    @property
    def servers(self) -> str:
        """The addresses for clients."""
        return f"{LOOPBACK}:{self.port}"

    def start(self, wait: bool = True) -> Kafka:
        """Starts it with its earlier data. Raises Failed, with the log's last lines, if it doesn't start."""
        if not (self.folder / "data").exists():
            run_to_end(self._command(_FORMAT, "format", "-t", _CLUSTER, "-c", str(self._properties)), self.folder,
                       self._environ(), START_S)
        self.daemon.start()
        if wait:
            self.wait()
        return self

    def wait(self) -> None:
        """Returns when it answers. Raises Failed, with nothing left running, if it doesn't."""
        end = time.monotonic() + START_S
        while not listens(self.port):
            if not self.daemon.alive() or time.monotonic() > end:
                last = self.daemon.last_lines()
                self.stop()
                raise Failed(f"Kafka did not come up; its log is {self.daemon.log}{last}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kills it."""
        self.daemon.kill()

    def stop(self) -> None:
        """Stops it. Its log stays, its data is deleted."""
        end_all(self.folder)
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    def __enter__(self) -> Kafka:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def _settings(self, controller: int) -> dict[str, object]:
        """Settings that differ from the defaults: one of what large clusters have several of."""
        return {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller}", "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "data", "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1, "group.initial.rebalance.delay.ms": 0,
            "num.network.threads": 2, "num.io.threads": 2, "log.cleaner.dedupe.buffer.size": 8 << 20,
            "log.retention.check.interval.ms": 1000, "log.segment.delete.delay.ms": 100,
            "log.initial.task.delay.ms": 500,
        }

    def _command(self, main: str, *words: str) -> list[str]:
        return [str(self._java), *_JVM, "-cp", f"{self._jars}/*", main, *words]

    def _environ(self) -> dict[str, str]:
        return {**os.environ, "LC_ALL": "C.UTF-8"}
