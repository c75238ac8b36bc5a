"""A job by spark-submit on this machine's YARN: an executor of one core on each of the two nodes, so that two ranks
never share a container.

    words, environ = submission(conf, Installation.here(), "cluster", config, "--lake", url)
    subprocess.run(words, env=environ)

Nodes share this machine's disk: nothing is packed. Where they don't, `laketrain package` makes what they need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyspark

# For JVMs of some minutes the second compiler costs more than it saves. Without it Java's default for the size of the
# compiled code, 48 MB, is full after 70 tests: from then on code is dropped and compiled again.
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC"
QUICK = {f"spark.{role}.extraJavaOptions": QUICK_JVM for role in ("driver", "executor", "yarn.am")}
_SETTINGS = {
    "spark.executor.memoryOverhead": "1g", "spark.dynamicAllocation.enabled": "false",
    "spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false", "spark.yarn.maxAppAttempts": "1",
    **QUICK,
}


@dataclass(frozen=True)
class Installation:
    """A checkout of laketrain and the environment with its Python. Neither path may contain a space: the
    scripts of Spark and YARN split at spaces."""

    checkout: Path
    environment: Path

    @classmethod
    def here(cls) -> Installation:
        return cls(Path(__file__).resolve().parents[2], Path(sys.prefix))

    @property
    def python(self) -> str:
        return str(self.environment / "bin" / "python")

    @property
    def spark(self) -> str:
        return str(self.environment / Path(pyspark.__file__).parent.relative_to(sys.prefix))


def submission(conf: Path, installation: Installation, mode: str, config: Path, *arguments: str,
               more: Sequence[str] = ()) -> tuple[list[str], dict[str, str]]:
    """The command that starts `jobs/pipeline.py` on a config, and its environment.

    Args:
        conf: Hadoop's configuration. mode: where the driver runs, `client` or `cluster`. more: words for spark-submit.
    """
    settings = {**_SETTINGS, "spark.yarn.jars": f"local:{installation.spark}/jars/*",
                "spark.yarn.appMasterEnv.PYSPARK_PYTHON": installation.python}
    words = [f"{installation.environment}/bin/spark-submit", "--master", "yarn", "--deploy-mode", mode,
             "--files", str(config),
             "--num-executors", "2", "--executor-cores", "1", "--executor-memory", "1g", "--driver-memory", "640m",
             *options(settings), *more, str(installation.checkout / "jobs" / "pipeline.py"),
             str(config) if mode == "client" else config.name, *arguments]
    environ = {**os.environ, "HADOOP_CONF_DIR": str(conf), "PYSPARK_PYTHON": installation.python,
               "SPARK_HOME": installation.spark, "SPARK_LOCAL_IP": "127.0.0.1",
               "LC_ALL": "C.UTF-8", "SPARK_SUBMIT_OPTS": QUICK_JVM}
    return words, environ


def options(settings: Mapping[str, str]) -> list[str]:
    """Spark's settings as options of spark-submit."""
    return [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
