"""Where a Java that Spark can run on lies.

    home = find_java()
    if home: os.environ["JAVA_HOME"] = str(home.path)

Looks at JAVA_HOME, at `java` on PATH, then in the places where systems keep their JDKs, and takes the first of a
supported version: a machine's default Java is often too new for Spark while a right one lies beside it. Standard
library only, and no import of ours: set-up loads this file by its path before anything is installed.
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
PLACES = (
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
"""Folders whose subfolders may be JDKs."""


@dataclass(frozen=True)
class JavaHome:
    """A Java: its home (the folder that holds `bin/java`), its version, and where it was found."""

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


def find_java(environ: Mapping[str, str] | None = None, places: Iterable[str] = PLACES) -> JavaHome | None:
    """The first supported Java: of JAVA_HOME, of PATH, then the newest in `places`. None where there is none."""
    return next((home for home in java_homes(environ, places) if home.supported), None)


def java_homes(environ: Mapping[str, str] | None = None, places: Iterable[str] = PLACES) -> Iterator[JavaHome]:
    """All that is found, supported or not, in the order of preference, each once. Lazy: a good first one ends it."""
    environ = os.environ if environ is None else environ
    seen: set[Path] = set()
    for home in _candidates(environ, places):
        if home.path.resolve() not in seen:
            seen.add(home.path.resolve())
            yield home


def _candidates(environ: Mapping[str, str], places: Iterable[str]) -> Iterator[JavaHome]:
    named = environ.get("JAVA_HOME", "").strip()
    if named:
        yield from _at(Path(named), "JAVA_HOME")
    command = shutil.which("java", path=environ.get("PATH", ""))
    if command:
        yield from _behind(Path(command))
    for place in places:
        found = [home for path in _folders(place) for home in _at(path, place)]
        yield from sorted(found, key=lambda home: home.major, reverse=True)


def _folders(place: str) -> list[Path]:
    try:
        return sorted(path for path in Path(place).expanduser().iterdir() if path.is_dir())
    except OSError:
        return []


def _at(path: Path, source: str) -> Iterator[JavaHome]:
    """The Java whose home is `path`, or its `Contents/Home` as on macOS."""
    for home in (path, path / "Contents" / "Home"):
        if os.access(home / "bin" / "java", os.X_OK):
            yield JavaHome(home, _written_version(home) or _asked(home / "bin" / "java")[1], source)
            return


def _behind(command: Path) -> Iterator[JavaHome]:
    """The Java that a `java` on PATH starts: where its links end, or, for a version manager's shim, where it says."""
    home = command.resolve().parent.parent
    if command.resolve().name == "java" and (home / "release").exists():
        yield from _at(home, "PATH")
        return
    said, version = _asked(command)
    if said:
        yield JavaHome(Path(said), version, "PATH")


def _written_version(home: Path) -> str:
    """What the JDK's `release` file says: no process is started for it."""
    try:
        found = re.search(r'^JAVA_VERSION="?([^"\n]+)', (home / "release").read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""


def _asked(command: Path) -> tuple[str, str]:
    """Its own word for its home and version; two empty strings where it doesn't run."""
    try:
        run = subprocess.run(
            [str(command), "-XshowSettings:properties", "-version"], capture_output=True, text=True, timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return "", ""
    said = dict(re.findall(r"^\s*(java\.home|java\.version) = (.+)$", run.stderr, re.MULTILINE))
    return said.get("java.home", ""), said.get("java.version", "")
