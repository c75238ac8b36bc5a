"""The cluster: its folder, its configuration, its daemons by name.

    with Cluster(folder) as cluster:
        cluster.start("hdfs", "yarn")
        cluster.kill("datanode-1")
        cluster.launch("datanode-1")
        cluster.admin("-safemode", "enter")

In the folder: `conf/` (a HADOOP_CONF_DIR, for daemons and clients alike), `logs/`, `data/`, and `state.json`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from cluster import hdfs, yarn
from cluster.daemon import Daemon, Failed, marked, run_to_end
from cluster.jars import jars, java
from cluster.ports import LOOPBACK, free_ports
from cluster.settings import LOG4J, Settings, as_options, write_site

NODES = 2
START_S = 90
END_S = 4
_TRACE = 60
"""Lines of a dead daemon's log that are shown: a Java trace, whose first line may be the reason."""
JVM = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true",
       *(f"--add-opens=java.base/java.{part}=ALL-UNNAMED" for part in ("lang", "util", "lang.reflect")))
_MAIN = {"namenode": hdfs.NAMENODE, "datanode": hdfs.DATANODE, "resourcemanager": yarn.RESOURCEMANAGER,
         "nodemanager": yarn.NODEMANAGER}


class Cluster:
    """Daemons that share a folder. `attached`: all end with the process that started them.

    Raises Missing where the jars, or Java, can't be had.
    """

    def __init__(self, folder: Path, attached: bool = True, files: Callable[[Path], hdfs.Hdfs] = hdfs.Hdfs) -> None:
        self.folder, self.attached = folder.resolve(), attached
        self.conf = self.folder / "conf"
        self.daemons: dict[str, Daemon] = {}
        self.files = files(self.folder)
        self.yarn = yarn.Yarn(self.folder, free_ports(yarn.PORTS))
        self._java, self._jars = java(), jars("hadoop")
        self._configure()

    @property
    def hdfs(self) -> str:
        """The URL of its file system."""
        return self.files.url

    def start(self, *groups: str) -> Cluster:
        """Starts "hdfs", "yarn" or both, and returns when they are ready; a part that runs already isn't touched.

        Raises Failed, with the log's last lines, where one does not come up; what ran before runs on.
        """
        ran = set(self.daemons)
        wanted = [name for group in groups for name in self._group(group) if name not in ran]
        try:
            if "hdfs" in groups and not self.files.formatted:
                self.files.format(self.run)
            for name in wanted:
                self.launch(name)
            self.wait("HDFS" if "hdfs" in groups else "YARN", lambda: self._ready(groups))
        except BaseException:
            self._undo(ran)
            raise
        return self

    def launch(self, name: str) -> None:
        """Starts one daemon: one of the cluster's that was killed, or another such as `datanode-3`. Does not wait."""
        main, own = _MAIN[name.partition("-")[0]], self._overrides(name)
        daemon = Daemon(name, self._command(main, *as_options(own)), self.folder, self._environ(), self.attached)
        daemon.start()
        self.daemons[name] = daemon
        self._note()

    def kill(self, name: str) -> None:
        """Kills one daemon."""
        self.daemons.pop(name).kill()
        self._note()

    def admin(self, *words: str) -> str:
        """The output of `hdfs dfsadmin` with these arguments."""
        return self.run(hdfs.ADMIN, *words)

    def run(self, main: str, *words: str) -> str:
        """The output of a Hadoop command, by its class. Raises Failed if it fails."""
        return run_to_end(self._command(main, *words), self.folder, self._environ(), START_S)

    def wait(self, what: str, happens: Callable[[], bool], patience: float = START_S) -> None:
        """Waits until it has happened. Raises Failed if a daemon dies or it takes too long."""
        end = time.monotonic() + patience
        while not happens():
            dead = next((daemon for daemon in self.daemons.values() if not daemon.alive()), None)
            if dead is not None:
                raise Failed(f"{dead.name} ended; its log is {dead.log}{dead.last_lines(_TRACE)}")
            if time.monotonic() > end:
                logs = "".join(f"\n{daemon.name}:{daemon.last_lines(3)}" for daemon in self.daemons.values())
                raise Failed(f"{what}: not within {patience:.0f} s. The logs end with:{logs}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stops all processes, also containers whose NodeManager is gone. The logs stay, the data is deleted."""
        end_all(self.folder)
        self.daemons.clear()
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        (self.folder / "state.json").unlink(missing_ok=True)

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def _undo(self, ran: set[str]) -> None:
        """Stops the daemons except those in `ran`."""
        if not ran:
            self.stop()
        for name in set(self.daemons) - ran:
            self.kill(name)

    def _group(self, group: str) -> tuple[str, ...]:
        if group == "hdfs":
            return (*self.files.namenodes, *(f"datanode-{number + 1}" for number in range(NODES)))
        return ("resourcemanager", *(f"nodemanager-{number + 1}" for number in range(NODES)))

    def _ready(self, groups: tuple[str, ...]) -> bool:
        return ("hdfs" not in groups or self.files.ready(NODES)) and ("yarn" not in groups or self.yarn.ready(NODES))

    def _overrides(self, name: str) -> Settings:
        return self.files.overrides(name) if name.partition("-")[0] in ("namenode", "datanode") \
            else self.yarn.overrides(name)

    def _configure(self) -> None:
        write_site(self.conf / "core-site.xml", self.files.core())
        write_site(self.conf / "hdfs-site.xml", self.files.site())
        write_site(self.conf / "yarn-site.xml", self.yarn.site())
        write_site(self.conf / "capacity-scheduler.xml", yarn.SCHEDULER)
        (self.conf / "log4j.properties").write_text(LOG4J, "utf-8")
        for page in hdfs.PAGES:
            (self.conf / "webapps" / page).mkdir(parents=True, exist_ok=True)

    def _command(self, main: str, *words: str) -> list[str]:
        logs = self.folder / "logs"
        return [str(self._java), *JVM, f"-Dhadoop.log.dir={logs}", f"-Dyarn.log.dir={logs}",
                "-cp", f"{self.conf}:{self._jars}/*", main, *words]

    def _environ(self) -> dict[str, str]:
        # Without LC_ALL, Java reads only ASCII; without SPARK_LOCAL_IP, Spark doesn't use the loopback address.
        return {**os.environ, "JAVA_HOME": str(self._java.parent.parent), "HADOOP_CONF_DIR": str(self.conf),
                "LC_ALL": "C.UTF-8", "SPARK_LOCAL_IP": LOOPBACK}

    def _note(self) -> None:
        state = {"hdfs": self.hdfs, "conf": str(self.conf),
                 "yarn": f"http://{LOOPBACK}:{self.yarn.ports['webapp.address']}",
                 "daemons": {name: daemon.pid for name, daemon in self.daemons.items()}}
        draft = self.folder / "state.json.part"
        draft.write_text(json.dumps(state, indent=1), "utf-8")
        os.replace(draft, self.folder / "state.json")


def end_all(folder: Path) -> None:
    """Kills every process with the mark of the cluster in `folder`, by its number. Their data isn't used again."""
    end = time.monotonic() + END_S
    while (pids := list(marked(folder))) and time.monotonic() < end:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
