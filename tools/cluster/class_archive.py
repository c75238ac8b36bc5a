"""An archive of Spark's classes: a JVM maps them, rather than find, parse and verify thousands of them in jars, and
starts in half the time.

    os.environ["SPARK_SUBMIT_OPTS"] = from_archive(class_archive())

It fits one Java and the jars of one environment; other JVMs ignore it. Java's name for it is dynamic class data
sharing, JEP 350.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyspark

from cluster.jars import java
from cluster.submit import QUICK_JVM

_FOLDER = Path(__file__).resolve().parents[2] / "build" / "classes" / Path(sys.prefix).name
PATIENCE_S = 240
_NO_WARNINGS = "-Xlog:disable -Xlog:all=error:stderr"
"""Else a JVM that can't use the archive, and one that makes it, print warnings to stdout."""


def class_archive() -> Path:
    """The archive for this environment and Java; the first call makes it, in half a minute.

    Raises Missing without a Java, CalledProcessError or TimeoutExpired where Spark doesn't run.
    """
    home = java().parent.parent
    _FOLDER.mkdir(parents=True, exist_ok=True)
    archive = _FOLDER / f"spark-{_key(home)}.jsa"
    with (_FOLDER / "spark.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            for outdated in _FOLDER.glob("spark-*.jsa"):
                outdated.unlink()
            _make(archive, home)
    return archive


def _key(home: Path) -> str:
    """A digest of the Java and of Spark's jars with their times: Java compares those too."""
    jars = sorted((Path(pyspark.__file__).parent / "jars").glob("*.jar"))
    facts = [f"{path.resolve()} {path.stat().st_mtime_ns}" for path in (home / "lib" / "modules", *jars)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def from_archive(archive: Path) -> str:
    """The options of a JVM that starts from the archive."""
    return f'{_NO_WARNINGS} -XX:SharedArchiveFile="{archive}"'


def _make(archive: Path, home: Path) -> None:
    """Runs a session whose JVM writes what it loaded when it ends, into a draft that is renamed when complete."""
    draft = archive.with_suffix(".part")
    draft.unlink(missing_ok=True)
    environ = {**os.environ, "JAVA_HOME": str(home), "PYSPARK_PYTHON": sys.executable,
               "PYTHONPATH": str(Path(__file__).parents[1]),
               "SPARK_SUBMIT_OPTS": f'{QUICK_JVM} {_NO_WARNINGS} -XX:ArchiveClassesAtExit="{draft}"'}
    with tempfile.TemporaryDirectory() as folder:
        program = f"from cluster.class_archive import load_classes; load_classes({folder!r})"
        subprocess.run([sys.executable, "-c", program],
                       env=environ, check=True, timeout=PATIENCE_S, capture_output=True)
    draft.rename(archive)


def load_classes(folder: str) -> None:
    """Runs what most jobs do: reads, writes, joins, Python workers. Ends when the JVM has."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    spark = (SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
             .config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
             .config("spark.local.dir", folder).config("spark.sql.shuffle.partitions", "2").getOrCreate())
    schema = "id long, text string, part long"
    rows = spark.range(20).select("id", F.col("id").cast("string").alias("text"), (F.col("id") % 3).alias("part"))
    for data_format in ("csv", "json", "parquet"):
        rows.write.format(data_format).save(f"{folder}/{data_format}")
        spark.read.schema(schema).format(data_format).load(f"{folder}/{data_format}").collect()
    parts = rows.groupBy("part").agg(F.count("*").alias("count"), F.collect_list("text").alias("texts"))
    rows.join(parts, "part").join(F.broadcast(parts.select("part", "count")), "part").orderBy("id").collect()
    rows.mapInArrow(lambda batches: batches, schema).collect()
    rows.rdd.barrier().mapPartitions(lambda part: part).collect()
    gateway: Any = spark.sparkContext._gateway
    spark.stop()
    gateway.proc.stdin.close()
    gateway.proc.wait()
