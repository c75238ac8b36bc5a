"""Writes a workload into one folder to submit from: environment, code, config, job, and the commands.

    workload = Workload.load("conf/mnist.yaml", lake="hdfs://namenode/lake")
    result = package(workload, Path("build/package/mnist"), Cluster("yarn"))
    result.commands["client"], result.notes

A config or setting that contains a secret is refused.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from laketrain.config.language.document import Document, parse_value
from laketrain.deploy.code import local_code, references, write_zip
from laketrain.deploy.command import MODES, Cluster, Parts, as_text, yarn_command
from laketrain.deploy.environment import TRACKERS, pack_environment
from laketrain.deploy.kubernetes import copy_environment, kubernetes_command, kubernetes_files
from laketrain.errors import ConfigError, Problem
from laketrain.pipeline.stages import find_stage
from laketrain.report.redact import secret_keys
from laketrain.workload import Workload

_JOB = '''\
"""{what} of a workload, for spark-submit. Written by `laketrain package`."""

from laketrain.cli import run_job

if __name__ == "__main__":
    run_job({stage})
'''


@dataclass(frozen=True)
class Package:
    """The folder, the command of each mode, and notes for the user."""

    folder: Path
    commands: Mapping[str, str]
    notes: tuple[str, ...]


def package(workload: Workload, folder: Path, cluster: Cluster, *, sets: Sequence[str] = (),
            stage: str | None = None, environment: str | None = None) -> Package:
    """Writes the folder. Unchanged files of an earlier call are kept.

    Args:
        sets: the `--set` options of the job, the same that the workload was loaded with.
        stage: one stage alone; by default the whole run.
        environment: path or URL of a packed environment, e.g. on HDFS, to use instead of this Python's.

    Raises:
        ConfigError: the config or a setting contains a secret; there are too few executors; a module doesn't exist;
            Spark would not find a path.
        LaunchError: the environment can't be packed.
    """
    _refuse_secrets(workload, cluster, sets)
    if stage is not None:
        find_stage(stage, "--stage")
    ranks = workload.train.ranks.max if workload.train else 1
    cluster.instances(ranks)
    code = local_code([*references(workload.model_dump(mode="json")), *workload.plugins], workload.source)
    folder = folder.absolute()
    local, archive = dict(_local_paths(workload, sets)), folder / "environment.tar.gz"
    arguments = [*(word for key, path in local.items() if key != "lake" for word in ("--set", f"{key}={path}")),
                 *(word for each in sets for word in ("--set", each)), "--lake", workload.lake]
    parts = Parts(workload.name, str(archive), str(folder / "code.zip"), str(folder / "job.py"),
                  str(folder / Path(workload.source).name), tuple(arguments))
    commands, files = _commands_and_files(cluster, parts, ranks, folder, environment)
    if environment is None:
        trackers = TRACKERS if workload.track else ()
        pack_environment(archive, sorted(code.installed), trackers)
    elif _on_kubernetes(cluster):
        copy_environment(environment, archive)
    write_zip(folder / "code.zip", code.paths)
    shutil.copyfile(workload.source, parts.config)
    files["job.py"] = _JOB.format(what=f"The stage {stage!r}" if stage else "All stages",
                                  stage=repr(stage) if stage else "")
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return Package(folder, commands, tuple(_notes(local)))


def _commands_and_files(cluster: Cluster, parts: Parts, ranks: int, folder: Path,
             environment: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """The command of each mode, and the text of each file that it needs besides the parts."""
    if _on_kubernetes(cluster):
        command = kubernetes_command(cluster, parts, folder / "spark-defaults.conf")
        return {"cluster": as_text(command)}, kubernetes_files(cluster, parts, ranks)
    parts = replace(parts, environment=environment or parts.environment)
    return {mode: as_text(yarn_command(cluster, mode, parts, ranks)) for mode in MODES}, {}


def _on_kubernetes(cluster: Cluster) -> bool:
    return cluster.master.startswith("k8s://")


def _local_paths(workload: Workload, sets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The paths without a scheme in the config, by key, as absolute paths, since the config is copied elsewhere.
    Variables in them aren't replaced."""
    source = Path(workload.source)
    raw, home = Document.parse(source.read_text("utf-8"), workload.source).data, source.absolute().parent
    paths = {"lake": workload.lake,
             **{f"sources.{name}.path": _at(raw, "sources", name, "path") for name in workload.sources},
             "track.tensorboard.folder": _at(raw, "track", "tensorboard", "folder")}
    overridden = {each.partition("=")[0] for each in sets}
    for key, path in paths.items():
        if key not in overridden and isinstance(path, str) and "://" not in path:
            yield key, json.dumps(str((home / path).resolve()), ensure_ascii=False)


def _at(data: Any, *keys: str) -> Any:
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _notes(local: Mapping[str, str]) -> Iterator[str]:
    for key, path in local.items():
        option = "--lake hdfs://…" if key == "lake" else f"--set {key}=hdfs://…"
        yield f"{key} is {json.loads(path)}: every node must see it under that path; if not, use {option}"


def _refuse_secrets(workload: Workload, cluster: Cluster, sets: Sequence[str]) -> None:
    """The package is copied to many machines, and all users of a machine see its command lines."""
    hint = "Leave it out: executors take it from their environment, a Hadoop credential provider or a Kubernetes secret"
    wrong = [Problem(key, "contains a secret, which would be packed", hint)
             for key in secret_keys(workload.model_dump(mode="json", by_alias=True))]
    wrong += [Problem(f"--set {key}", "contains a secret, which would be printed", hint)
              for key, _, text in (each.partition("=") for each in sets)
              if _contains_secret(workload, key, parse_value(text))]
    wrong += [Problem(f"--conf {key}", "contains a secret, which would be printed", hint)
              for key, text in cluster.conf.items() if any(secret_keys(text, ("spark", "conf", key)))]
    if wrong:
        raise ConfigError(workload.source, wrong)


def _contains_secret(workload: Workload, key: str, value: Any) -> bool:
    """Whether `--set key=value` contains one. The key of a variable may be its name alone."""
    path = ("variables", key) if key in workload.variables else tuple(key.strip().split("."))
    return any(secret_keys(value, path))
