"""The command that submits a packed job, as words and as text to paste.

    words = yarn_command(Cluster("yarn"), "cluster", parts, ranks=4)
    print(as_text(words))

The settings are those that ranks need: a fixed number of executors, a slot for each rank, memory outside the JVM for
Python and TensorFlow, and the packed Python in every container.
"""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from laketrain.errors import ConfigError, Problem

MODES = ("client", "cluster")
NAME = "environment"
PYTHON = f"./{NAME}/bin/python"
LOCALE = "C.UTF-8"
"""Without it, non-ASCII letters in arguments don't reach the driver's container."""


@dataclass(frozen=True)
class Cluster:
    """Where the job runs, and its resources there.

    Attributes:
        master: `yarn` or `k8s://https://…`.
        executors: by default as many as the ranks need. cores: of each; a rank uses one of Spark's slots.
        memory: of an executor's JVM. overhead: outside the JVM, for Python: TensorFlow, the batches, the model.
        driver_memory, driver_overhead: the same for the driver.
        conf: more of Spark's settings; they override ours.
        image: Kubernetes' container image. secrets: variables that pods take from a Kubernetes secret,
            `{"AWS_SECRET_ACCESS_KEY": "lake:secret-key"}`.
    """

    master: str = "yarn"
    executors: int | None = None
    cores: int = 1
    memory: str = "1g"
    overhead: str = "2g"
    driver_memory: str = "1g"
    driver_overhead: str = "1g"
    conf: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)

    def instances(self, ranks: int) -> int:
        """The number of executors. Raises ConfigError if they have too few slots for the ranks."""
        count = self.executors or max(1, math.ceil(ranks / self.cores))
        if count * self.cores < ranks:
            raise ConfigError("command line", [Problem(
                "--executors", f"{count} executors of {self.cores} cores have {count * self.cores} slots, the config "
                f"asks for up to {ranks} ranks", "Raise --executors or --cores, or lower train.ranks")])
        return count

    def settings(self, ranks: int) -> dict[str, str]:
        """Spark's settings on both kinds of cluster."""
        return {"spark.executor.instances": str(self.instances(ranks)), "spark.executor.cores": str(self.cores),
                "spark.executor.memory": self.memory, "spark.executor.memoryOverhead": self.overhead,
                "spark.driver.memory": self.driver_memory, "spark.driver.memoryOverhead": self.driver_overhead,
                # Ranks are a barrier stage, which Spark doesn't start with dynamic allocation.
                "spark.dynamicAllocation.enabled": "false",
                "spark.executorEnv.LC_ALL": LOCALE}


@dataclass(frozen=True)
class Parts:
    """The packed parts, as paths or URLs, and the job's arguments after the config."""

    name: str
    environment: str
    code: str
    job: str
    config: str
    arguments: tuple[str, ...] = ()


def yarn_command(cluster: Cluster, mode: str, parts: Parts, ranks: int) -> list[str]:
    """`spark-submit` with the driver here (`client`) or in a container (`cluster`)."""
    driver = sys.executable if mode == "client" else PYTHON
    settings = {**cluster.settings(ranks), "spark.pyspark.python": PYTHON, "spark.pyspark.driver.python": driver,
                "spark.yarn.appMasterEnv.LC_ALL": LOCALE, **cluster.conf}
    words = ["spark-submit", "--master", cluster.master, "--deploy-mode", mode, "--name", parts.name,
             "--archives", f"{_uri(parts.environment)}#{NAME}", "--py-files", _uri(parts.code)]
    if mode == "cluster":  # the driver reads the copy in its working directory
        words += ["--files", _uri(parts.config)]
    config = parts.config if mode == "client" else PurePosixPath(parts.config).name
    return [*words, *_options(settings), _uri(parts.job), config, *parts.arguments]


def is_url(path: str) -> bool:
    """Whether a part is a URL such as `hdfs:///apps/environment.tar.gz`."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", path) is not None


def _uri(path: str) -> str:
    """A local path as a URI. Of a plain path Spark cuts what follows a `#`, and if the path contains a space, it reads
    `#environment` as part of it."""
    if is_url(path):
        return path
    if special := re.search(r"[][{}*?,\\]", path):
        raise ConfigError("command line", [Problem(
            path, f"Spark reads {special[0]!r} in a path as part of a pattern", "Name another folder by --out, or "
            "rename the config or the environment")])
    return Path(path).absolute().as_uri()


def as_text(words: Sequence[str]) -> str:
    """The command for a shell, each option on its own line."""
    lines: list[list[str]] = [[]]
    for index, word in enumerate(words):
        if word.startswith("--") and not words[index - 1].startswith("--"):
            lines.append([])
        lines[-1].append(word)
    return " \\\n  ".join(shlex.join(line) for line in lines)


def _options(settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
