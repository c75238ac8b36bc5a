"""Kubernetes: a Dockerfile for an image with the packed environment, a file of settings, and the command that submits.

    files = kubernetes_files(cluster, parts, ranks=4)      # {"Dockerfile": …, "spark-defaults.conf": …}
    words = kubernetes_command(cluster, parts, Path("build/package/mnist/spark-defaults.conf"))

These are only texts: laketrain builds no image and connects to no cluster.
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
# {name}: the jars and the entry point of Spark's image, on a system that has this environment's Python.
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
"""The Debian release whose package of this Python version has the path that the environment links to."""


def kubernetes_files(cluster: Cluster, parts: Parts, ranks: int) -> dict[str, str]:
    """The Dockerfile and the settings, by file name.

    Raises ConfigError if no image is named, or a secret isn't of the form name:key.
    """
    if cluster.image is None:
        raise ConfigError("command line", [Problem("--image", "is missing: each executor is a container of one",
                                                   "Name it as your registry will: registry.example.org/laketrain:1")])
    return {"Dockerfile": _dockerfile(cluster.image, parts), "spark-defaults.conf": _defaults(cluster, parts, ranks)}


def kubernetes_command(cluster: Cluster, parts: Parts, defaults: Path) -> list[str]:
    """`spark-submit` in cluster mode: the driver is also a pod."""
    return ["spark-submit", "--master", cluster.master, "--deploy-mode", "cluster", "--name", parts.name,
            "--properties-file", str(defaults), f"local://{HOME}/{_name(parts.job)}",
            f"{HOME}/{_name(parts.config)}", *parts.arguments]


def copy_environment(environment: str, archive: Path) -> None:
    """Copies a packed environment to the folder in which the image is built, since Docker reads only that folder.

    Raises ConfigError if it isn't a local file.
    """
    if is_url(environment) or not Path(environment).is_file():
        kind = "a URL" if is_url(environment) else "not a file"
        raise ConfigError("command line", [Problem(
            "--environment", f"received {environment!r}, {kind}, expected a local archive for the image",
            "Fetch it first, e.g. hdfs dfs -get, and name the copy")])
    archive.parent.mkdir(parents=True, exist_ok=True)
    if archive.exists() and archive.samefile(environment):
        return
    # Else the next run would take the copy for an archive of its own.
    archive.with_name(f"{archive.name}.json").unlink(missing_ok=True)
    shutil.copyfile(environment, archive)


def _dockerfile(image: str, parts: Parts) -> str:
    import pyspark

    names = [_name(part) for part in (parts.code, parts.job, parts.config)]
    # Docker reads names as patterns, and accepts names with a space only in this form.
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
    """Variables that driver and executors read from a secret of the namespace, so that no file contains it."""
    settings = {}
    for variable, reference in cluster.secrets.items():
        name, colon, key = reference.partition(":")
        if not (name and colon and key):
            raise ConfigError("command line", [Problem("--secret", f"received {variable}={reference}, expected "
                                                       "VARIABLE=secret:key", "Name a Kubernetes secret and its key")])
        for role in ("driver", "executor"):
            settings[f"spark.kubernetes.{role}.secretKeyRef.{variable}"] = reference
    return settings


def _name(path: str) -> str:
    return os.path.basename(path)
