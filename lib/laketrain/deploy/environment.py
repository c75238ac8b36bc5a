"""Packs the Python environment into an archive, which Spark unpacks for the driver and every executor.

    pack_environment(Path("environment.tar.gz"), also=["lightgbm"])     # … --archives environment.tar.gz#environment

The archive contains what a job needs, by the metadata of the installed distributions: laketrain (also from an editable
install), its dependencies, TensorFlow and Horovod. Developers' tools, Spark's jars, which the cluster has, C++ headers
and the large packages' own tests are left out. Packers of whole environments refuse editable installs and pack more.

The archive's Python is a symbolic link, as in any venv: nodes must have a Python of this version at the same path.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import re
import sys
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from laketrain.errors import LaunchError

ROOTS = ("tensorflow", "tensorflow-cpu", "horovod")
"""Packed if installed, though laketrain doesn't declare them as dependencies."""
TRACKERS = ("mlflow-skinny", "alembic", "sqlalchemy", "tensorboard")
"""Needed by a workload with a `track` section."""
PACKAGE = "laketrain"
_LEFT_OUT = ("pyspark/jars/", "pyspark/examples/", "pyspark/bin/", "pyspark/sbin/", "pyspark/licenses/",
             "tensorflow/include/", "clang/", "pyarrow/include/", "numpy/core/include/", "numpy/_core/include/")
_TESTS = re.compile(r"(matplotlib|numpy|pandas|pyarrow|scipy|sklearn)/(.*/)?tests/")
"""Five thousand files, which these packages don't import themselves. Some others do: h5py imports h5py.tests."""
_EXTRAS = ("and-cuda",)
"""Extras of TensorFlow whose packages are included if they are installed: CUDA's libraries."""
_LEVEL = 1
_BLOCK = 1 << 20
"""Bytes of the archive that are handed to the compressing threads at a time."""


@dataclass(frozen=True)
class Member:
    """A file of the archive: its path here, and its name in the archive."""

    source: Path
    name: str


def pack_environment(archive: Path, also: Iterable[str] = (), optional: Iterable[str] = ()) -> bool:
    """Writes the archive, unless it exists with the same content. Returns whether it was written.

    Args:
        also: names of more distributions, whose dependencies are packed too. optional: more that are packed if they are
            installed.

    Raises:
        LaunchError: this Python is conda's or isn't in a virtual environment; a distribution isn't installed, or is an
            editable install other than laketrain.
    """
    _check_environment()
    members = list(_members(distributions(also, optional)))
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


def distributions(also: Iterable[str] = (), optional: Iterable[str] = ()) -> Mapping[str, Distribution]:
    """The distributions that a job needs, by name: the roots, `also` and `optional`, with their dependencies."""
    needed: dict[str, Distribution] = {}
    waiting = [_installed(name) for name in (PACKAGE, *also)]
    waiting += [each for name in (*ROOTS, *optional) if (each := _find(name)) is not None]
    while waiting:
        distribution = waiting.pop()
        name = _normalized(distribution.name)
        if name not in needed:
            needed[name] = distribution
            waiting += [each for other in _requirements(distribution) if (each := _find(other)) is not None]
    return dict(sorted(needed.items()))


def _requirements(distribution: Distribution) -> Iterator[str]:
    """The names of its dependencies on this platform."""
    from packaging.requirements import Requirement

    for text in distribution.requires or ():
        requirement = Requirement(text)
        extras = ("", *_EXTRAS) if distribution.name.startswith("tensorflow") else ("",)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement.name


def _find(name: str) -> Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except PackageNotFoundError:
        return None


def _installed(name: str) -> Distribution:
    distribution = _find(name)
    if distribution is None:
        raise LaunchError("package", f"the distribution {name!r}", "is not installed here", f"pip install {name}")
    return distribution


def _members(needed: Mapping[str, Distribution]) -> Iterator[Member]:
    """All files of the archive except the interpreter, sorted within each distribution."""
    for name, distribution in needed.items():
        if name == PACKAGE:
            yield from _laketrain_files(distribution)
        else:
            yield from _files(name, distribution)


def _files(name: str, distribution: Distribution) -> Iterator[Member]:
    if distribution.files is None:
        raise LaunchError("package", f"the distribution {name!r}", "has no list of its files",
                          f"pip install --force-reinstall {name}")
    for file in sorted(distribution.files, key=str):
        path = str(file)
        if "__editable__" in path or path.endswith(".egg-link"):
            raise LaunchError("package", f"the distribution {name!r}", "is an editable install: its files are "
                              "elsewhere, and executors don't see them", "pip install it without -e")
        if not (path.startswith(("..", "/", *_LEFT_OUT)) or _TESTS.match(path) or "__pycache__" in path):
            source = Path(str(distribution.locate_file(file)))
            yield from _with_bytecode(source, path)


def _laketrain_files(distribution: Distribution) -> Iterator[Member]:
    """laketrain as it is imported here, and its metadata."""
    package = Path(__file__).resolve().parents[1]
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield from _with_bytecode(path, f"{PACKAGE}/{path.relative_to(package).as_posix()}")
    for file in distribution.files or ():
        if file.name in ("METADATA", "entry_points.txt", "top_level.txt"):
            yield Member(Path(str(distribution.locate_file(file))), str(file))


def _with_bytecode(source: Path, name: str) -> Iterator[Member]:
    """A file and, of a module, its bytecode. Without it each rank would compile TensorFlow's thousands of modules."""
    if not source.is_file():
        return
    yield Member(source, name)
    if source.suffix == ".py":
        compiled = f"__pycache__/{source.stem}.{sys.implementation.cache_tag}.pyc"
        if (source.parent / compiled).is_file():
            yield Member(source.parent / compiled, f"{name.rpartition('/')[0]}/{compiled}".lstrip("/"))


def _write(path: Path, members: Iterable[Member]) -> None:
    from isal import igzip_threaded  # several times faster than zlib, on gigabytes

    site = f"lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    with (igzip_threaded.open(path, "wb", compresslevel=_LEVEL, threads=-1) as stream,
          tarfile.open(fileobj=stream, mode="w|", bufsize=_BLOCK) as archive):
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
            _add(archive, member.source.resolve(), f"{site}/{member.name}")


def _add(archive: tarfile.TarFile, file: Path, name: str) -> None:
    archive.add(file, name, recursive=False, filter=_without_owner)


def _without_owner(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Removes this machine's owner of the file."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


def _digest(members: Iterable[Member]) -> str:
    """A digest of names, sizes and modification times. Reading the content would take as long as packing it."""
    digest = hashlib.sha256(interpreter().encode())
    for member in members:
        status = member.source.stat()
        digest.update(f"{member.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _check_environment() -> None:
    if Path(sys.prefix, "conda-meta").is_dir():
        raise LaunchError("package", f"the environment {sys.prefix}", "is conda's",
                          "conda install conda-pack, conda pack --ignore-editable-packages -o environment.tar.gz, then "
                          "laketrain package … --environment environment.tar.gz")
    if sys.prefix == sys.base_prefix:
        raise LaunchError("package", f"the Python in {sys.prefix}", "isn't a virtual environment: its packages are "
                          "among the system's", "install laketrain into one (python3.11 -m venv), or name a packed one "
                          "by --environment")


def interpreter() -> str:
    """The path of the Python that this environment was made from; nodes must have it at the same path."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _python_version() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _normalized(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _read(stamp: Path) -> object:
    try:
        return json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return None
