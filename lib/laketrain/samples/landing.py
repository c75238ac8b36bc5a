"""Lands files so that a directory is either complete or visibly not, by a manifest that is written last.

    land_files(Path("data/mnist"), {"seed": 7}, write=lambda folder: (folder / "a.csv").write_text("1"))

The files are written in a temporary sibling. A new directory appears complete, by one rename. In an
existing one (an interrupted or damaged landing, or another request) the manifest is removed first, then each file is
replaced atomically, and the manifest is written last. Other files in it aren't touched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MANIFEST = "_landed.json"

# A killed landing leaves its temporary sibling behind. A younger one may belong to a landing that is still running.
STALE_SECONDS = 3600.0


def land_files(directory: Path, request: dict[str, Any], write: Callable[[Path], None]) -> bool:
    """Lands in `directory` what `write(folder)` writes for `request`, unless that is complete already.

    Args:
        directory: where the files land; its parents are made.
        request: JSON values that describe what is landed. Another request than the landed one lands again.
        write: writes all files below the empty folder that it receives, the same bytes for the same request.

    Returns:
        True if it landed, False if `directory` was already complete: every file of its manifest has its bytes.
    """
    if is_complete(directory, request):
        return False
    directory.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(directory)
    draft = Path(tempfile.mkdtemp(prefix=_draft_prefix(directory), dir=directory.parent))
    try:
        draft.chmod(0o755)  # mkdtemp's mode excludes executors of other users
        write(draft)
        manifest = {"request": request, "files": _digests(draft)}
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        _publish(draft, directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return True


def is_complete(directory: Path, request: dict[str, Any]) -> bool:
    """Whether `directory` contains all files of `request`, with the bytes that were landed."""
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        if manifest["request"] != request:
            return False
        return all(_digest(directory / path) == digest for path, digest in manifest["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _publish(draft: Path, directory: Path) -> None:
    if not directory.exists():
        try:
            draft.rename(directory)
            return
        except OSError:
            # Another landing may have been faster; its files have the same bytes, so replacing them is harmless.
            if not directory.is_dir():
                raise
    (directory / MANIFEST).unlink(missing_ok=True)
    for path in [*_digests(draft), MANIFEST]:
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(draft / path, target)


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below `folder` but the manifest, by its relative path with '/'."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    relative = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: _digest(path) for name, path in relative.items() if name != MANIFEST}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _draft_prefix(directory: Path) -> str:
    return f".{directory.name}.landing-"


def _remove_stale(directory: Path) -> None:
    for path in directory.parent.iterdir():
        if path.name.startswith(_draft_prefix(directory)) and time.time() - path.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
