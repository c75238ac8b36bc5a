"""The command that submits a packed job, as words and as text to paste.

    words = yarn_command(Cluster("yarn"), "cluster", parts, ranks=4)
    print(as_text(words))

Settings are those that ranks need: executors that stay, a slot for each rank, memory outside the JVM, where Python and
TensorFlow live, and the packed Python in every container.
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
"""Without it, letters other than ASCII's in arguments don't reach the driver's container."""


@dataclass(frozen=True)
class Cluster:
    """Where the job runs, and what it is given there.

    Attributes:
        master: `yarn` or `k8s://https://…`.
        executors: by default as many as the ranks need. cores: of each; a rank takes one of Spark's slots.
        memory: of an executor's JVM. overhead: beside the JVM, for Python: TensorFlow, the batches, the model.
        driver_memory, driver_overhead: likewise.
        conf: more of Spark's settings; they win over ours.
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
        """The number of executors. Raises ConfigError where they have too few slots for the ranks."""
        wanted = self.executors or max(1, math.ceil(ranks / self.cores))
        if wanted * self.cores < ranks:
            raise ConfigError("command line", [Problem(
                "--executors", f"{wanted} executors of {self.cores} cores have {wanted * self.cores} slots, the config "
                f"asks for up to {ranks} ranks", "Give more of either, or lower train.ranks")])
        return wanted

    def settings(self, ranks: int) -> dict[str, str]:
        """What both kinds of cluster are told."""
        return {"spark.executor.instances": str(self.instances(ranks)), "spark.executor.cores": str(self.cores),
                "spark.executor.memory": self.memory, "spark.executor.memoryOverhead": self.overhead,
                "spark.driver.memory": self.driver_memory, "spark.driver.memoryOverhead": self.driver_overhead,
                # Spark starts no barrier stage, which ranks are, on executors that come and go.
                "spark.dynamicAllocation.enabled": "false",
                "spark.executorEnv.LC_ALL": LOCALE}


@dataclass(frozen=True)
class Parts:
    """What was packed: paths or URLs, and the job's arguments after the config."""

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
    if mode == "cluster":  # the driver finds its own copy where it runs
        words += ["--files", _uri(parts.config)]
    config = parts.config if mode == "client" else PurePosixPath(parts.config).name
    return [*words, *_options(settings), _uri(parts.job), config, *parts.arguments]


def is_url(path: str) -> bool:
    """Whether a packed part lies elsewhere: `hdfs:///apps/environment.tar.gz`."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", path) is not None


def _uri(path: str) -> str:
    """A local path as a URI: of a plain one Spark cuts what follows a `#`, and takes `#environment` for a part of one
    with a space in it."""
    if is_url(path):
        return path
    if strange := re.search(r"[][{}*?,\\]", path):
        raise ConfigError("command line", [Problem(
            path, f"Spark takes {strange[0]!r} in a path for a part of a pattern", "Name another folder by --out, or "
            "give the config or the environment another name")])
    return Path(path).absolute().as_uri()


def as_text(words: Sequence[str]) -> str:
    """The command with an option a line, for a shell."""
    lines: list[list[str]] = [[]]
    for place, word in enumerate(words):
        if word.startswith("--") and not words[place - 1].startswith("--"):
            lines.append([])
        lines[-1].append(word)
    return " \\\n  ".join(shlex.join(line) for line in lines)


def _options(settings: Mapping[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
