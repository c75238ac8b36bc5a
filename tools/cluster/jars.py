"""The daemons' jars: downloaded once by Maven into the user's cache.

    jars("hadoop")      # ~/.cache/laketrain/jars/hadoop-<key>, after a first time that takes a minute
    spark_jars()        # all connectors of the installed PySpark

`poms/` has what is fetched. The key is a digest of the pom and its properties, so that each pom and each release of
Spark has a folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import horovod_wheel
from laketrain.spark.connectors import installed_connectors
from laketrain.spark.java import find_java

POMS = Path(__file__).with_name("poms")
PATIENCE_S = 240


class Missing(Exception):
    """The jars can't be had here; `str()` of it is one line with the reason."""


def java() -> Path:
    """The `java` that runs the daemons. Raises Missing."""
    home = find_java()
    if home is None:
        raise Missing("Java 17 or 21 is missing: apt-get install openjdk-17-jdk-headless, or set JAVA_HOME to one")
    return home.path / "bin" / "java"


def spark_jars() -> list[Path]:
    """The jars by which this PySpark reads databases, buckets, Kafka and Avro. Raises Missing."""
    s3 = "spark-s3-sdk1" if installed_connectors().aws.startswith("1.") else "spark-s3"
    folders = [jars(system) for system in ("spark", s3, "spark-kafka", "spark-avro")]
    return [jar for folder in folders for jar in sorted(folder.glob("*.jar"))]


def jars(system: str, shelf: Path | None = None) -> Path:
    """The folder of the jars of `system`, a file of `poms/`. Raises Missing if they can't be downloaded."""
    pom = POMS / f"{system}.xml"
    properties = spark_properties() if system.startswith("spark") else {}
    shelf = horovod_wheel.shelf().with_name("jars") if shelf is None else shelf
    digest = hashlib.sha256(pom.read_bytes() + "".join(properties.values()).encode())
    folder = shelf / f"{system}-{digest.hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(f"the jars of {system} are not in {shelf}, and Maven, which gets them, is missing: "
                      "apt-get install maven")
    shelf.mkdir(parents=True, exist_ok=True)
    with (shelf / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fetch(maven, pom, properties, folder)
    return folder


def spark_properties() -> dict[str, str]:
    """The properties of the poms of Spark's connectors."""
    connectors = installed_connectors()
    return {"scala": connectors.scala, "spark": connectors.spark, "hadoop": connectors.hadoop, "aws": connectors.aws,
            "delta": connectors.delta_artifact, "delta.version": connectors.delta_version}


def _fetch(maven: str, pom: Path, properties: Mapping[str, str], folder: Path) -> None:
    """Downloads the jars with Maven into a draft, which is renamed when it is complete."""
    draft, log = folder.with_suffix(".part"), folder.with_suffix(".log")
    shutil.rmtree(draft, ignore_errors=True)  # a killed download's; this process has the lock
    environ = {**os.environ, "JAVA_HOME": str(java().parent.parent)}
    command = [maven, "--batch-mode", "--file", str(pom), "dependency:copy-dependencies",
               f"-DoutputDirectory={draft}", "-DincludeScope=runtime",
               *(f"-D{name}={value}" for name, value in properties.items())]
    try:
        with log.open("wb") as output:
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                  timeout=PATIENCE_S, check=False, env=environ).returncode
    except subprocess.TimeoutExpired:
        raise Missing(f"Maven did not get the jars of {pom.stem} within {PATIENCE_S} s; its log is {log}") from None
    if code or not any(draft.glob("*.jar")):
        raise Missing(f"Maven could not get the jars of {pom.stem} ({_reason(log)}); its log is {log}")
    draft.rename(folder)


def _reason(log: Path) -> str:
    """The first of Maven's many lines of [ERROR]."""
    result = re.search(r"^\[ERROR\] (.+)$", log.read_text(errors="replace"), re.MULTILINE)
    return result[1].strip() if result else "it does not say why"
