"""Horovod's wheel: built once for a user and a machine's kind, kept in the cache, found there ever after.

    wheel = provide(facts(lock, "cpu"), python=Path(".venv/bin/python"), console=console)

Horovod 0.28.1 is the last release; `horovod_mends` says what is changed in it and why. Everything that shapes the
binary is part of the key under which the wheel is kept. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from console import Console
from horovod_mends import MENDS, TO_COMPILE, Mend, fingerprint, mend

__all__ = ["MENDS", "TO_COMPILE", "facts", "kept", "provide", "shelf"]

VERSION = "0.28.1"
SDIST_SHA256 = "92a43f5a94c43907a56805bad15f19700c62ffc83b7ca483f9e104e229f67ef0"
SETTINGS = {
    "HOROVOD_WITH_TENSORFLOW": "1",
    "HOROVOD_WITHOUT_PYTORCH": "1",
    "HOROVOD_WITHOUT_MXNET": "1",
    "HOROVOD_WITH_GLOO": "1",
    "HOROVOD_WITHOUT_MPI": "1",
}
CPU_FLAGS = ("avx", "f16c", "fma")
"""The instruction sets that Horovod's build uses where the building machine has them."""
PROOF = "import horovod.tensorflow as hvd; assert hvd.gloo_built(), 'built without Gloo'"
GIB_PER_COMPILER = 2


def facts(lock: Path, device: str, environ: Mapping[str, str] | None = None,
          mends: tuple[Mend, ...] = MENDS) -> dict[str, Any]:
    """All that shapes the wheel, as plain JSON values."""
    environ = os.environ if environ is None else environ
    return {
        "horovod": VERSION,
        "mends": fingerprint(mends),
        "settings": {**SETTINGS, **_gpu_settings(device, environ)},
        "flags": {name: environ[name] for name in ("CFLAGS", "CXXFLAGS", "LDFLAGS") if environ.get(name)},
        "tensorflow": locked_tensorflow(lock, platform.machine()),
        "python": sysconfig.get_config_var("SOABI"),
        "platform": [sysconfig.get_platform(), *platform.libc_ver()],
        "cpu": _cpu_flags(),
        "compiler": compiler_version(environ),
    }


def key(known: dict[str, Any]) -> str:
    """The name under which a wheel of these facts is kept."""
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:24]


def locked_tensorflow(lock: Path, machine: str) -> str:
    """`tensorflow-cpu==2.21.0`: the build of TensorFlow that the lock gives this kind of machine."""
    for line in lock.read_text(encoding="utf-8").splitlines():
        found = re.match(r"(tensorflow(?:-cpu)?==[^ ]+)(?: ; platform_machine == '(\w+)')?", line)
        if found and found[2] in (None, machine):
            return found[1]
    return "none"


def compiler(environ: Mapping[str, str] | None = None) -> str | None:
    """The C++ compiler that CMake will take: CXX, or the first of c++, g++ and clang++ on PATH."""
    environ = os.environ if environ is None else environ
    named = shlex.split(environ.get("CXX", ""))[:1]
    found = (shutil.which(name, path=environ.get("PATH")) for name in named or ("c++", "g++", "clang++"))
    return next(filter(None, found), None)


def compiler_version(environ: Mapping[str, str]) -> str:
    """The first line of the compiler's own `--version`; empty where there is no compiler."""
    command = compiler(environ)
    if not command:
        return ""
    run = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    return (run.stdout.splitlines() or [""])[0]


def shelf(environ: Mapping[str, str] | None = None) -> Path:
    """The user's folder of built wheels: in LAKETRAIN_CACHE, or the cache folder of the desktop standard."""
    environ = os.environ if environ is None else environ
    cache = environ.get("LAKETRAIN_CACHE") or environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "laketrain" / "wheels"


def kept(known: dict[str, Any], shelf_: Path) -> Path | None:
    """The wheel that was built for these facts; where there is no compiler, one that any compiler built will do."""
    ignored = set() if known["compiler"] else {"compiler"}
    folders = [shelf_ / key(known)] if known["compiler"] else sorted(shelf_.glob("*/"))
    for folder in folders:
        wheels = sorted(folder.glob("horovod-*.whl"))
        with contextlib.suppress(OSError, ValueError):
            written = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
            if wheels and all(written.get(name) == known[name] for name in known.keys() - ignored):
                return wheels[0]
    return None


def provide(known: dict[str, Any], python: Path, console: Console, shelf_: Path | None = None,
            mends: tuple[Mend, ...] = MENDS) -> Path:
    """The wheel of these facts, built first, with the mends that they are of, where the shelf has none. Two set-ups at
    once build it once."""
    shelf_ = shelf() if shelf_ is None else shelf_
    found = kept(known, shelf_)
    if found:
        console.say(f"Horovod {VERSION}: its wheel is in {shelf_}")
        return found
    shelf_.mkdir(parents=True, exist_ok=True)
    with _locked(shelf_ / f"{key(known)}.lock", console):
        return kept(known, shelf_) or _build(known, python, console, shelf_, mends)


def _build(known: dict[str, Any], python: Path, console: Console, shelf_: Path, mends: tuple[Mend, ...]) -> Path:
    log = shelf_ / f"{key(known)}.log"
    log.unlink(missing_ok=True)
    draft = shelf_ / f"{key(known)}.part"
    shutil.rmtree(draft, ignore_errors=True)  # of a build that was killed: we hold the lock
    draft.mkdir()
    with _plain_folder(draft) as work:
        # Compiler flags are split at spaces, so TensorFlow is seen through a path that has none.
        (work / "venv").symlink_to(python.absolute().parent.parent, target_is_directory=True)
        plain_python = str(work / "venv" / "bin" / python.name)
        source = _fetch(work, plain_python, console, log)
        for change in mends:
            mend(source, change)
        pip = [plain_python, "-m", "pip", "--disable-pip-version-check"]
        environ = _build_environment(known, work)
        console.run(f"building Horovod {VERSION} (once, 3 minutes on 2 cores)",
                    [*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(work / "out"), str(source)],
                    log, environ)
        wheel = next((work / "out").glob("horovod-*.whl"))
        console.run("unpacking it",
                    [*pip, "install", "--quiet", "--no-deps", "--target", str(work / "proof"), str(wheel)],
                    log, environ)
        console.run("proving that it loads", [plain_python, "-c", PROOF], log,
                    {**environ, "PYTHONPATH": str(work / "proof"), "TF_CPP_MIN_LOG_LEVEL": "2"})
        shutil.copy2(wheel, draft / wheel.name)
    (draft / "facts.json").write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
    for left in [path for path in draft.iterdir() if path.is_dir()]:
        shutil.rmtree(left)
    shutil.rmtree(shelf_ / key(known), ignore_errors=True)
    draft.rename(shelf_ / key(known))
    return shelf_ / key(known) / wheel.name


def _fetch(work: Path, python: str, console: Console, log: Path) -> Path:
    """Horovod's source, from pip's index, its hash checked, unpacked."""
    wanted = work / "wanted.txt"
    wanted.write_text(f"horovod=={VERSION} --hash=sha256:{SDIST_SHA256}\n", encoding="utf-8")
    console.run(f"fetching Horovod {VERSION}'s source",
                [python, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps", "--no-binary", "horovod",
                 "--no-build-isolation", "--require-hashes", "--dest", str(work), "-r", str(wanted)],
                log, {**os.environ, **SETTINGS})
    with tarfile.open(next(work.glob("horovod-*.tar.gz"))) as archive:
        # Python 3.11.3 and older know no filter; what is unpacked has the hash that we name.
        archive.extractall(work, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))  # type: ignore[arg-type]
    return work / f"horovod-{VERSION}"


def _build_environment(known: dict[str, Any], work: Path) -> dict[str, str]:
    """The caller's environment without what would misguide the build: a surrounding make, another venv or CMake."""
    dropped = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HOROVOD_CMAKE")
    environ = {name: value for name, value in os.environ.items() if name not in dropped}
    path = f"{work / 'venv' / 'bin'}{os.pathsep}{environ.get('PATH', '')}"
    return {**environ, **known["settings"], "PATH": path, "MAKEFLAGS": f"-j{_compilers_at_once()}"}


def _compilers_at_once() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return max(1, min(cores, int(memory // GIB_PER_COMPILER)))


def _gpu_settings(device: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Allreduce through NCCL, where its header and CUDA's compiler are on the machine; through Gloo elsewhere."""
    if device != "gpu":
        return {}
    nvcc = shutil.which("nvcc", path=environ.get("PATH"))
    cuda = Path(environ.get("CUDA_HOME") or (Path(nvcc).resolve().parent.parent if nvcc else "/usr/local/cuda"))
    nccl = [Path(environ[name]) for name in ("HOROVOD_NCCL_HOME", "NCCL_HOME") if environ.get(name)]
    home = next((path for path in (*nccl, cuda, Path("/usr")) if (path / "include" / "nccl.h").exists()), None)
    if home is None or not (cuda / "bin" / "nvcc").exists():
        return {}
    return {"HOROVOD_GPU_OPERATIONS": "NCCL", "HOROVOD_CUDA_HOME": str(cuda), "HOROVOD_NCCL_HOME": str(home)}


def _cpu_flags() -> list[str]:
    try:
        found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return []
    words = set(found[1].split()) if found else set()
    return [flag for flag in CPU_FLAGS if flag in words]


@contextlib.contextmanager
def _locked(path: Path, console: Console) -> Iterator[None]:
    """Holds the lock file: a second set-up waits for the first, and a killed one lets go by itself."""
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            console.say("another set-up is building Horovod: waiting for it …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _plain_folder(draft: Path) -> Iterator[Path]:
    """A working folder without a space in its path: in `draft` where that has none, else a temporary one."""
    work = draft / "work"
    if any(character.isspace() for character in str(work)):
        work = Path(tempfile.mkdtemp(prefix="laketrain-horovod-", dir="/tmp"))
    work.mkdir(exist_ok=True)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
