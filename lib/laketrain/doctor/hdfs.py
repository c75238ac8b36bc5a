"""Checks HDFS from Java, since Spark has another client and configuration than Python."""

from __future__ import annotations

import os
import uuid
from importlib.util import find_spec
from pathlib import Path

from laketrain.doctor.check import Check, run_process, run_with_timeout, without_secrets
from laketrain.spark.java import find_java

SECONDS = 60
_SHELL = "org.apache.hadoop.fs.FsShell"
_WORD = "laketrain"


def from_java(url: str) -> Check:
    """Java reads a file that Python wrote: both see the same file system, also behind a nameservice."""
    from laketrain.lake import open_store

    name, shown = "lake, from Java", without_secrets(url)
    home, pyspark = find_java(), find_spec("pyspark")
    if home is None or pyspark is None or pyspark.origin is None:
        return Check(name, False, "needs Java and pyspark, which are missing", "fix these first")
    conf = os.environ.get("HADOOP_CONF_DIR", "")
    jars = Path(pyspark.origin).parent / "jars"
    store, probe = open_store(url), f"doctor-{uuid.uuid4().hex}"
    problem = run_with_timeout(SECONDS, lambda: store.create(probe, f"{_WORD}\n".encode()))
    if problem:
        return Check(name, False, f"{shown}: {problem}", "see the check of the lake")
    try:
        command = [str(home.path / "bin" / "java"), "-cp", f"{conf}:{jars}/*", _SHELL, "-cat", store.url(probe)]
        code, output = run_process(command, SECONDS)
    finally:
        store.delete(probe)
    if code or output != _WORD:
        return Check(name, False, f"Java can't read {shown}, which Python wrote to: {output}",
                     f"set HADOOP_CONF_DIR to the cluster's configuration (it is {conf or 'not set'})")
    return Check(name, True, f"Java reads what Python wrote; HADOOP_CONF_DIR is {conf or 'not set'}")
