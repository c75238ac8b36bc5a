"""HDFS from Java's side: Spark has a client of its own there, with a configuration of its own."""

from __future__ import annotations

import os
import uuid
from importlib.util import find_spec
from pathlib import Path

from laketrain.doctor.check import Check, aside, within, without_secrets
from laketrain.spark.java import find_java

SECONDS = 60
_SHELL = "org.apache.hadoop.fs.FsShell"
_WORD = "laketrain"


def from_java(url: str) -> Check:
    """Java reads what Python wrote: both find the same file system, behind a nameservice too."""
    from laketrain.lake import open_store

    name, shown = "lake, from Java", without_secrets(url)
    home, pyspark = find_java(), find_spec("pyspark")
    if home is None or pyspark is None or pyspark.origin is None:
        return Check(name, False, "needs Java and pyspark, which are missing", "mend these first")
    conf = os.environ.get("HADOOP_CONF_DIR", "")
    jars = Path(pyspark.origin).parent / "jars"
    store, probe = open_store(url), f"doctor-{uuid.uuid4().hex}"
    trouble = within(SECONDS, lambda: store.create(probe, f"{_WORD}\n".encode()))
    if trouble:
        return Check(name, False, f"{shown}: {trouble}", "see what is said of the lake")
    try:
        code, said = aside([str(home.path / "bin" / "java"), "-cp", f"{conf}:{jars}/*", _SHELL, "-cat",
                            store.url(probe)], SECONDS)
    finally:
        store.delete(probe)
    if code or said != _WORD:
        return Check(name, False, f"{shown}, which Python wrote to, is not read by Java: {said}",
                     f"set HADOOP_CONF_DIR to the cluster's configuration (it is {conf or 'not set'})")
    return Check(name, True, f"Java reads what Python wrote; HADOOP_CONF_DIR is {conf or 'not set'}")
