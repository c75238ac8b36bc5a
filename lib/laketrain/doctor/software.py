"""Checks of Java, Python, the packages' versions, and Horovod's build."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import re
import secrets
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from laketrain.doctor.check import Check, installed, run_process
from laketrain.imports import TENSORFLOW_PACKAGES
from laketrain.spark.java import find_java, java_homes

IMPORT_SECONDS = 180
CONNECT_SECONDS = 10.0
TCP = "ranks over TCP"
HOROVOD_PROBE = "import horovod.tensorflow as hvd; print('gloo', bool(hvd.gloo_built()))"
INTERPRETER_PROBE = (
    "import sys; from importlib.util import find_spec; "
    "print('%d.%d' % sys.version_info[:2], find_spec('laketrain') is not None)"
)


@dataclass(frozen=True)
class Rule:
    """The versions of a package that work with the others: from `least` to below `below`, and the reason."""

    names: tuple[str, ...]
    least: str
    below: str
    reason: str


RULES = (
    Rule(TENSORFLOW_PACKAGES, "2.19", "3", "Keras 3.8 and later run on TensorFlow 2.19 and later"),
    Rule(("keras",), "3.8", "4", "the models and the optimizer are Keras 3's"),
    Rule(("pyspark",), "4.0.1", "4.3", "laketrain is tested with Spark 4.0 to 4.2"),
    Rule(("pyarrow",), "14.0.2", "27", "laketrain is tested with pyarrow 14 to 26"),
    Rule(("numpy",), "1.26.4", "3", "laketrain is tested with NumPy 1.26 to 2"),
    Rule(("pandas",), "2.1", "4", "laketrain is tested with pandas 2.1 to 3"),
)


def python() -> Check:
    """The interpreter's version."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", True, f"{version} in {sys.prefix}")
    return Check("python", False, version, "use Python 3.11, 3.12 or 3.13: make setup PYTHON=python3.13")


def java() -> Check:
    """A Java version that Spark supports."""
    home = find_java()
    if home:
        return Check("java", True, f"{home.version} in {home.path} ({home.source})")
    others = ", ".join(f"{other.version or 'unknown'} in {other.path}" for other in java_homes())
    return Check("java", False, f"no version 17 or 21, only: {others or 'none'}",
                 "apt-get install openjdk-17-jdk-headless, or set JAVA_HOME to one")


def package(rule: Rule) -> Check:
    """An installed version that its rule allows."""
    name, version = installed(rule.names)
    if not version:
        return Check(name, False, "not installed", f"make setup, or pip install '{name}>={rule.least},<{rule.below}'")
    if _numbers(rule.least) <= _numbers(version) < _numbers(rule.below):
        return Check(name, True, version)
    return Check(name, False, f"{version}, but needs >= {rule.least} and < {rule.below}: {rule.reason}",
                 f"pip install '{name}>={rule.least},<{rule.below}'")


def horovod() -> Check:
    """Horovod is installed, built for the installed TensorFlow, with Gloo, and can be imported.

    Where it isn't, ranks connect by the backend `tensorflow`. One that would be chosen, but can't work, fails.
    """
    fix = "make setup builds it for the installed TensorFlow, where there is a C++ compiler"
    _, version = installed(("horovod",))
    if not version:
        return Check("horovod", None, "not installed: ranks connect by the backend 'tensorflow'", fix)
    built_for = _horovod_metadata().get("tensorflow", "no TensorFlow")
    _, tensorflow = installed(TENSORFLOW_PACKAGES)
    if built_for != tensorflow:
        return Check("horovod", None, f"{version}, built for {built_for}; installed: {tensorflow or 'none'}: ranks "
                     "connect by the backend 'tensorflow'", fix)
    code, output = run_process([sys.executable, "-c", HOROVOD_PROBE], IMPORT_SECONDS)
    if code:
        return Check("horovod", False, f"the import of {version} fails: {output}", fix)
    if "gloo True" not in output:
        return Check("horovod", False, f"{version} was built without Gloo", fix)
    return Check("horovod", True, f"{version}, with Gloo, for TensorFlow {built_for}")


def tcp_ranks() -> Check:
    """The backend `tensorflow`: two ranks connect over loopback and add their numbers."""
    import numpy as np

    from laketrain.distributed.tcp.collectives import allreduce
    from laketrain.distributed.tcp.connect import connect, listen
    from laketrain.distributed.tcp.mesh import Mesh

    listeners = [listen("127.0.0.1") for _ in range(2)]
    addresses = [listener.getsockname() for listener in listeners]
    token = secrets.token_urlsafe()

    def total(rank: int) -> float:
        mesh = Mesh(rank, connect(rank, addresses, listeners[rank], token, CONNECT_SECONDS), CONNECT_SECONDS, 1.0)
        with contextlib.closing(mesh):
            return float(allreduce(mesh, np.ones(()), "sum", "doctor"))

    with ThreadPoolExecutor(2) as pool:
        totals = list(pool.map(total, range(2)))
    if totals != [2.0, 2.0]:
        return Check(TCP, False, f"two ranks added 1 and 1 to {totals}", "repair the installation: make setup")
    return Check(TCP, True, "two ranks connect over TCP")


def _horovod_metadata() -> dict[str, str]:
    path = Path(str(importlib.metadata.distribution("horovod").locate_file("horovod/metadata.json")))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def executors_python() -> Check:
    """PYSPARK_PYTHON, if set, is a Python of the same version that has laketrain."""
    name, command = "executors' python", os.environ.get("PYSPARK_PYTHON", "")
    if not command:
        return Check(name, True, f"this one: {sys.executable}")
    if not shutil.which(command):
        if not os.path.isabs(command):
            return Check(name, None, f"PYSPARK_PYTHON={command} can only be checked on the executors",
                         "make sure that spark.archives unpacks an environment with laketrain there")
        return Check(name, False, f"PYSPARK_PYTHON={command} doesn't exist", f"export PYSPARK_PYTHON={sys.executable}")
    code, output = run_process([command, "-c", INTERPRETER_PROBE], 30)
    if code or output != f"{sys.version_info[0]}.{sys.version_info[1]} True":
        return Check(name, False, f"PYSPARK_PYTHON={command} is another Python, or has no laketrain ({output})",
                     f"export PYSPARK_PYTHON={sys.executable}")
    return Check(name, True, command)


def _numbers(version: str) -> tuple[int, ...]:
    """(14, 0, 2) for `14.0.2rc1`: enough to compare releases."""
    return tuple(int(number) for number in re.findall(r"\d+", version.split("+")[0])[:3])
