"""Kubernetes: an image with the packed environment in it, its settings as a file, the command that submits.

    files = kubernetes_files(cluster, parts, ranks=4)      # {"Dockerfile": …, "spark-defaults.conf": …}
    words = kubernetes_command(cluster, parts, Path("build/package/mnist/spark-defaults.conf"))

All of it is text to be looked at; laketrain builds no image and talks to no cluster.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

from laketrain.deploy.command import LOCALE, NAME, Cluster, Parts, is_url
from laketrain.deploy.environment import interpreter
from laketrain.errors import ConfigError, Problem

HOME = "/opt/laketrain"
_PYTHON = f"{HOME}/{NAME}/bin/python"
_DOCKERFILE = """\
# {name}: Spark's own image for its jars and its entry point, on a system that has this environment's Python.
# Written by `laketrain package`. Build it in this folder: docker build -t {image} .
FROM apache/spark:{spark} AS spark

FROM debian:{system}-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends openjdk-17-jre-headless python3.11 libgomp1 procps tini \\
 && rm -rf /var/lib/apt/lists/* \\
 && test -x {python}
COPY --from=spark /opt/spark /opt/spark
COPY --from=spark /opt/entrypoint.sh /opt/entrypoint.sh
ADD {environment} {home}/{folder}/
COPY {files}
ENV SPARK_HOME=/opt/spark LC_ALL={locale} PYSPARK_PYTHON={packed} PYSPARK_DRIVER_PYTHON={packed}
WORKDIR /opt/spark/work-dir
USER 185
ENTRYPOINT ["/opt/entrypoint.sh"]
"""
_SYSTEMS = {"3.11": "bookworm"}
"""The Debian that has this Python at the path where a Debian's own environment expects it."""


def kubernetes_files(cluster: Cluster, parts: Parts, ranks: int) -> dict[str, str]:
    """The Dockerfile and the settings, by file name.

    Raises ConfigError where no image is named, or a secret is not of the form name:key.
    """
    if cluster.image is None:
        raise ConfigError("command line", [Problem("--image", "is missing: each executor is a container of one",
                                                   "Name it as your registry will: registry.example.org/laketrain:1")])
    return {"Dockerfile": _dockerfile(cluster.image, parts), "spark-defaults.conf": _defaults(cluster, parts, ranks)}


def kubernetes_command(cluster: Cluster, parts: Parts, defaults: Path) -> list[str]:
    """`spark-submit` in cluster mode: the driver is a pod, too."""
    return ["spark-submit", "--master", cluster.master, "--deploy-mode", "cluster", "--name", parts.name,
            "--properties-file", str(defaults), f"local://{HOME}/{_name(parts.job)}",
            f"{HOME}/{_name(parts.config)}", *parts.arguments]


def bring(environment: str, archive: Path) -> None:
    """Copies a packed environment to where the image is built, which sees nothing outside its folder.

    Raises ConfigError where it is no local file.
    """
    if is_url(environment) or not Path(environment).is_file():
        what = "a URL" if is_url(environment) else "no file"
        raise ConfigError("command line", [Problem(
            "--environment", f"received {environment!r}, {what}, expected a local archive: an image has it within",
            "Fetch it first, e.g. hdfs dfs -get, and name the copy")])
    archive.parent.mkdir(parents=True, exist_ok=True)
    if archive.exists() and archive.samefile(environment):
        return
    # What the next run would take for the mark of an archive of its own.
    archive.with_name(f"{archive.name}.json").unlink(missing_ok=True)
    shutil.copyfile(environment, archive)


def _dockerfile(image: str, parts: Parts) -> str:
    import pyspark

    names = [_name(part) for part in (parts.code, parts.job, parts.config)]
    # Docker takes names for patterns, and only this form for names with a space.
    files = json.dumps([*(re.sub(r"[\[*?]", r"[\g<0>]", name) for name in names), f"{HOME}/"], ensure_ascii=False)
    return _DOCKERFILE.format(name=parts.name, image=image, spark=pyspark.__version__, python=interpreter(),
                              system=_SYSTEMS.get("3.11"), environment=_name(parts.environment), home=HOME, folder=NAME,
                              files=files, locale=LOCALE, packed=_PYTHON)


def _defaults(cluster: Cluster, parts: Parts, ranks: int) -> str:
    settings = {**cluster.settings(ranks), "spark.kubernetes.container.image": cluster.image or "",
                "spark.pyspark.python": _PYTHON, "spark.pyspark.driver.python": _PYTHON,
                "spark.submit.pyFiles": f"local://{HOME}/{_name(parts.code)}",
                "spark.kubernetes.driverEnv.LC_ALL": LOCALE, **_secrets(cluster), **cluster.conf}
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _secrets(cluster: Cluster) -> dict[str, str]:
    """Variables that driver and executors take from a secret of the namespace: nothing of it stands in a file."""
    found = {}
    for variable, place in cluster.secrets.items():
        name, colon, key = place.partition(":")
        if not (name and colon and key):
            raise ConfigError("command line", [Problem("--secret", f"received {variable}={place}, expected "
                                                       "VARIABLE=secret:key", "Name a Kubernetes secret and its key")])
        for role in ("driver", "executor"):
            found[f"spark.kubernetes.{role}.secretKeyRef.{variable}"] = place
    return found


def _name(path: str) -> str:
    return os.path.basename(path)
