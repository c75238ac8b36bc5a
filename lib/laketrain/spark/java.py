"""Finds a Java that Spark can run on.

    home = find_java()
    if home: os.environ["JAVA_HOME"] = str(home.path)

Searches JAVA_HOME, `java` on PATH, then the folders where systems install JDKs, and returns the first of a supported
version: the default Java of a machine is often too new for Spark. Imports only the standard library, because set-up
loads this file by its path before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SUPPORTED = (17, 21)
SEARCH_PATHS = (
    "/usr/lib/jvm",
    "/usr/lib64/jvm",
    "/usr/java",
    "/opt",
    "/opt/java",
    "/usr/local",
    "~/.sdkman/candidates/java",
    "~/.jdks",
    "~/.asdf/installs/java",
    "/Library/Java/JavaVirtualMachines",
)
"""Folders that may contain JDKs."""


@dataclass(frozen=True)
class JavaHome:
    """A Java: its home (the folder that contains `bin/java`), its version, and the search path that led to it."""

    path: Path
    version: str
    source: str

    @property
    def major(self) -> int:
        """17 for `17.0.15`, 8 for `1.8.0_402`, 0 where the version isn't known."""
        numbers = [int(number) for number in re.findall(r"\d+", self.version)[:2]]
        if len(numbers) == 2 and numbers[0] == 1:
            return numbers[1]
        return numbers[0] if numbers else 0

    @property
    def supported(self) -> bool:
        """Whether Spark runs on it."""
        return self.major in SUPPORTED


def find_java(environ: Mapping[str, str] | None = None, search_paths: Iterable[str] = SEARCH_PATHS) -> JavaHome | None:
    """The first supported Java: in JAVA_HOME, on PATH, then the newest in `search_paths`. None where there is none."""
    return next((home for home in java_homes(environ, search_paths) if home.supported), None)


def java_homes(
    environ: Mapping[str, str] | None = None, search_paths: Iterable[str] = SEARCH_PATHS
) -> Iterator[JavaHome]:
    """Yields every Java, supported or not, in order of preference and without duplicates."""
    environ = os.environ if environ is None else environ
    seen: set[Path] = set()
    for home in _candidates(environ, search_paths):
        if home.path.resolve() not in seen:
            seen.add(home.path.resolve())
            yield home


def _candidates(environ: Mapping[str, str], search_paths: Iterable[str]) -> Iterator[JavaHome]:
    java_home = environ.get("JAVA_HOME", "").strip()
    if java_home:
        yield from _java_at(Path(java_home), "JAVA_HOME")
    command = shutil.which("java", path=environ.get("PATH", ""))
    if command:
        yield from _java_of(Path(command))
    for search_path in search_paths:
        homes = [home for path in _subfolders(search_path) for home in _java_at(path, search_path)]
        yield from sorted(homes, key=lambda home: home.major, reverse=True)


def _subfolders(folder: str) -> list[Path]:
    try:
        return sorted(path for path in Path(folder).expanduser().iterdir() if path.is_dir())
    except OSError:
        return []


def _java_at(path: Path, source: str) -> Iterator[JavaHome]:
    """The Java whose home is `path`, or its `Contents/Home` as on macOS."""
    for home in (path, path / "Contents" / "Home"):
        if os.access(home / "bin" / "java", os.X_OK):
            yield JavaHome(home, _release_version(home) or _run_java(home / "bin" / "java")[1], source)
            return


def _java_of(command: Path) -> Iterator[JavaHome]:
    """The Java that a `java` on PATH starts: the target of its links, or what a version manager's shim reports."""
    home = command.resolve().parent.parent
    if command.resolve().name == "java" and (home / "release").exists():
        yield from _java_at(home, "PATH")
        return
    java_home, version = _run_java(command)
    if java_home:
        yield JavaHome(Path(java_home), version, "PATH")


def _release_version(home: Path) -> str:
    """The version in the JDK's `release` file, read without starting Java; empty where there is none."""
    try:
        match = re.search(r'^JAVA_VERSION="?([^"\n]+)', (home / "release").read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return ""
    return match[1] if match else ""


def _run_java(command: Path) -> tuple[str, str]:
    """The home and version that the command prints; two empty strings where it doesn't run."""
    try:
        run = subprocess.run(
            [str(command), "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return "", ""
    properties = dict(re.findall(r"^\s*(java\.home|java\.version) = (.+)$", run.stderr, re.MULTILINE))
    return properties.get("java.home", ""), properties.get("java.version", "")
