"""A job on YARN, submitted by the command that `laketrain package` prints.

    with pytest.MonkeyPatch.context() as patch:
        pack_links(patch)
        job = run_package(walk, yarn, installation, folder, f"{yarn.hdfs}/lake", patch)
    job.walk.left, job.application, job.prefix
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster import Cluster
from cluster.submit import QUICK, QUICK_JVM, Installation
from laketrain.cli import app
from laketrain.deploy import environment

from .containers import application_of, logs
from .walk import Walk

CODE = '''
import sys
from pathlib import Path

import laketrain


def records():
    import keras

    class Records(keras.callbacks.Callback):
        def on_train_end(self, logs=None):
            Path({record!r}).write_text("\\n".join([sys.prefix, laketrain.__file__, str(keras.__file__)]))

    return Records()
'''


@dataclass(frozen=True)
class PackagedJob:
    """A finished job: the walk over its lake, its application, and, as rank 0 recorded it, `sys.prefix` and the files
    of laketrain and of Keras."""

    walk: Walk
    application: str
    prefix: Path
    laketrain: str
    keras: Path


def pack_links(patch: pytest.MonkeyPatch) -> None:
    """Has links to this machine's files packed instead of the files: a link to a folder if all of its files would be
    packed. The job finds exactly the files that would be packed, but for bytecode. The test cluster's nodes are on this
    machine, and its NodeManagers, which lack Hadoop's native library, start a process for each file and folder that
    they unpack, but not for links."""
    names = {member.name for member in environment._members(environment.distributions())}
    linked: set[str] = set()

    @cache
    def is_packed(folder: Path, name: str) -> bool:
        return all(is_packed(path, f"{name}/{path.name}") if path.is_dir() else f"{name}/{path.name}" in names
                   for path in folder.iterdir() if path.name != "__pycache__")

    def add_link(archive: tarfile.TarFile, file: Path, name: str) -> None:
        site, _, name = name.partition("/site-packages/")
        if file.parent.name == "__pycache__":  # never a link inside a linked folder
            file, name = file.parent, os.path.dirname(name)
        while (parent := os.path.dirname(name)) and is_packed(file.parent, parent):
            file, name = file.parent, parent
        if name not in linked:
            linked.add(name)
            link = tarfile.TarInfo(f"{site}/site-packages/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, str(file)
            archive.addfile(link)

    patch.setattr(environment, "_add", add_link)


def run_package(walk: Walk, yarn: Cluster, installation: Installation, folder: Path, lake: str,
                patch: pytest.MonkeyPatch) -> PackagedJob:
    """Packs the walk's workload, with a callback in a module of the user's, and runs it in cluster mode."""
    config, modules, record = folder / "small.yaml", folder / "modules", folder / "record"
    modules.mkdir()
    (modules / "recording.py").write_text(CODE.format(record=str(record)))
    text = walk.config.read_text("utf-8")
    config.write_text(text.replace("  seed: 3\n", '  seed: 3\n  callbacks: ["recording:records"]\n'), "utf-8")
    patch.syspath_prepend(str(modules))
    conf = {"spark.yarn.jars": f"local:{installation.spark}/jars/*", "spark.sql.shuffle.partitions": "2",
            "spark.ui.enabled": "false", **QUICK, "spark.yarn.submit.file.replication": "1",
            "spark.driver.memory": "640m", "spark.driver.memoryOverhead": "384m"}
    packed = CliRunner().invoke(app, [
        "package", str(config), "--lake", lake, "--out", str(folder / "out"), "--overhead", "1g",
        *(word for each in conf.items() for word in ("--conf", "=".join(each)))])
    assert packed.exit_code == 0, packed.output
    command = packed.stdout.partition("# cluster mode\n")[2]
    done = subprocess.run(["bash", "-c", command], env=_environ(yarn, installation), capture_output=True, text=True,
                          check=False)
    application = application_of(done.stderr)
    assert done.returncode == 0, "".join(logs(yarn, application).values())
    prefix, laketrain, keras = record.read_text().splitlines()
    return PackagedJob(walk.on(lake), application, Path(prefix), laketrain, Path(keras))


def _environ(yarn: Cluster, installation: Installation) -> dict[str, str]:
    """Without PYTHONPATH, which Spark would pass on to the containers."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**inherited, "HADOOP_CONF_DIR": str(yarn.conf), "SPARK_HOME": installation.spark, "LC_ALL": "C.UTF-8",
            "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_SUBMIT_OPTS": QUICK_JVM,
            "PATH": f"{installation.environment}/bin:{os.environ['PATH']}"}
