"""The Python environment as one archive, which Spark unpacks beside the driver and beside every executor.

    pack_environment(Path("environment.tar.gz"), also=["lightgbm"])     # … --archives environment.tar.gz#environment

Packed is what a job needs, by what the installed distributions say of themselves: laketrain, as it is imported here,
also from pip's editable install, what it depends on, TensorFlow and Horovod. Tools of developers, Spark's jars, which
the cluster has, and the headers of C++ libraries stay behind. That, and editable installs, is why no packer of whole
environments is used: it would refuse, or pack half as much again.

The archive's Python is a link, as in any venv: the nodes have a Python of this version at the same path.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from laketrain.errors import LaunchError

ROOTS = ("tensorflow", "tensorflow-cpu", "horovod")
"""What laketrain works with beside what it depends on, where it is installed."""
TRACKERS = ("mlflow-skinny", "alembic", "sqlalchemy", "tensorboard")
"""What a workload with a `track` section needs, too."""
OURS = "laketrain"
_LEFT_OUT = ("pyspark/jars/", "pyspark/examples/", "pyspark/bin/", "pyspark/sbin/", "pyspark/licenses/",
             "tensorflow/include/", "clang/")
_EXTRAS = ("and-cuda",)
"""Of TensorFlow's: CUDA's libraries, where they are installed."""
_LEVEL = 1


@dataclass(frozen=True)
class Member:
    """A file of the archive: where it lies here, and its name there."""

    source: Path
    name: str


def pack_environment(archive: Path, also: Iterable[str] = (), wanted: Iterable[str] = ()) -> bool:
    """Writes the archive, unless the one that is there has the same content already; whether it was written.

    Args:
        also: names of further distributions, with what they depend on. wanted: others, where they are installed.

    Raises:
        LaunchError: this Python is of conda, or of no virtual environment; a distribution is not installed, or is an
            editable install that is not laketrain.
    """
    _check_kind()
    members = list(_members(distributions(also, wanted)))
    stamp = archive.with_name(f"{archive.name}.json")
    content = {"digest": _digest(members), "python": _python_version(), "files": len(members)}
    if archive.exists() and _read(stamp) == content:
        return False
    archive.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    draft = archive.with_name(f"{archive.name}.part")
    _write(draft, members)
    os.replace(draft, archive)
    stamp.write_text(json.dumps(content), "utf-8")
    return True


def distributions(also: Iterable[str] = (), wanted: Iterable[str] = ()) -> Mapping[str, Distribution]:
    """What a job needs, by name: the roots, `also` and `wanted`, and what these depend on, where installed."""
    found: dict[str, Distribution] = {}
    waiting = [_installed(name) for name in (OURS, *also)]
    waiting += [each for name in (*ROOTS, *wanted) if (each := _found(name)) is not None]
    while waiting:
        distribution = waiting.pop()
        name = _plain(distribution.name)
        if name not in found:
            found[name] = distribution
            waiting += [each for needed in _needs(distribution) if (each := _found(needed)) is not None]
    return dict(sorted(found.items()))


def _needs(distribution: Distribution) -> Iterator[str]:
    """The names of what it depends on here."""
    from packaging.requirements import Requirement

    for text in distribution.requires or ():
        requirement = Requirement(text)
        extras = ("", *_EXTRAS) if distribution.name.startswith("tensorflow") else ("",)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement.name


def _found(name: str) -> Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except PackageNotFoundError:
        return None


def _installed(name: str) -> Distribution:
    found = _found(name)
    if found is None:
        raise LaunchError("package", f"the distribution {name!r}", "is not installed here", f"pip install {name}")
    return found


def _members(found: Mapping[str, Distribution]) -> Iterator[Member]:
    """All files of the archive but the interpreter, sorted within each distribution."""
    for name, distribution in found.items():
        if name == OURS:
            yield from _own(distribution)
        else:
            yield from _files(name, distribution)


def _files(name: str, distribution: Distribution) -> Iterator[Member]:
    if distribution.files is None:
        raise LaunchError("package", f"the distribution {name!r}", "does not say which files it has",
                          f"pip install --force-reinstall {name}")
    for file in sorted(distribution.files, key=str):
        path = str(file)
        if "__editable__" in path or path.endswith(".egg-link"):
            raise LaunchError("package", f"the distribution {name!r}", "is an editable install: its files are "
                              "elsewhere, and executors don't see them", "pip install it without -e")
        if not (path.startswith(("..", "/")) or path.startswith(_LEFT_OUT) or "__pycache__" in path):
            source = Path(str(distribution.locate_file(file)))
            yield from _with_bytecode(source, path)


def _own(distribution: Distribution) -> Iterator[Member]:
    """laketrain as it is imported here, and what pip knows of it."""
    package = Path(__file__).resolve().parents[1]
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield from _with_bytecode(path, f"{OURS}/{path.relative_to(package).as_posix()}")
    for file in distribution.files or ():
        if file.name in ("METADATA", "entry_points.txt", "top_level.txt"):
            yield Member(Path(str(distribution.locate_file(file))), str(file))


def _with_bytecode(source: Path, name: str) -> Iterator[Member]:
    """A file and, of a module, its bytecode: each rank would else compile TensorFlow's thousands anew."""
    if not source.is_file():
        return
    yield Member(source, name)
    if source.suffix == ".py":
        compiled = f"__pycache__/{source.stem}.{sys.implementation.cache_tag}.pyc"
        if (source.parent / compiled).is_file():
            yield Member(source.parent / compiled, f"{name.rpartition('/')[0]}/{compiled}".lstrip("/"))


def _write(path: Path, members: Iterable[Member]) -> None:
    from isal import igzip  # several times quicker than zlib: there are gigabytes to go through

    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    with igzip.open(path, "wb", compresslevel=_LEVEL) as stream, tarfile.open(fileobj=stream, mode="w|") as archive:
        for name, target in (("bin/python", interpreter()), ("bin/python3", "python")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
        settings = f"home = {os.path.dirname(interpreter())}\ninclude-system-site-packages = false\n" \
                   f"version = {_python_version()}\n".encode()
        info = tarfile.TarInfo("pyvenv.cfg")
        info.size = len(settings)
        archive.addfile(info, io.BytesIO(settings))
        for member in members:
            archive.add(member.source.resolve(), f"{site}/{member.name}", recursive=False, filter=_nobodys)


def _nobodys(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without who owns it here."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


def _digest(members: Iterable[Member]) -> str:
    """Of names, sizes and times of change: content that is read again for it would take as long as packing it."""
    digest = hashlib.sha256(interpreter().encode())
    for member in members:
        status = member.source.stat()
        digest.update(f"{member.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _check_kind() -> None:
    if Path(sys.prefix, "conda-meta").is_dir():
        raise LaunchError("package", f"the environment {sys.prefix}", "is conda's, which conda packs itself",
                          "conda install conda-pack, conda pack --ignore-editable-packages -o environment.tar.gz, then "
                          "laketrain package … --environment environment.tar.gz")
    if sys.prefix == sys.base_prefix:
        raise LaunchError("package", f"the Python in {sys.prefix}", "is no virtual environment: its packages lie among "
                          "the system's", "install laketrain into one (python3.11 -m venv), or name a packed one by "
                          "--environment")


def interpreter() -> str:
    """The Python that this environment was made from, by the path at which the nodes must have it."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return None
