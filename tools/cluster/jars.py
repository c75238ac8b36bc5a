"""The daemons' jars: downloaded once by Maven into the user's cache.

    jars("hadoop")      # ~/.cache/laketrain/jars/hadoop-<key>, after a first time that takes a minute

What is fetched stands in `poms/`; the key is its digest, so that another pom fetches anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import horovod_wheel
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


def jars(system: str, shelf: Path | None = None) -> Path:
    """The folder of the jars of `system`, a file of `poms/`. Raises Missing if they can't be downloaded."""
    pom = POMS / f"{system}.xml"
    shelf = horovod_wheel.shelf().with_name("jars") if shelf is None else shelf
    folder = shelf / f"{system}-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
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
            _fetch(maven, pom, folder)
    return folder


def _fetch(maven: str, pom: Path, folder: Path) -> None:
    """Downloads the jars with Maven into a draft, which is renamed when it is complete."""
    draft, log = folder.with_suffix(".part"), folder.with_suffix(".log")
    shutil.rmtree(draft, ignore_errors=True)  # a killed download's; this process has the lock
    environ = {**os.environ, "JAVA_HOME": str(java().parent.parent)}
    command = [maven, "--batch-mode", "--file", str(pom), "dependency:copy-dependencies",
               f"-DoutputDirectory={draft}", "-DincludeScope=runtime"]
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
