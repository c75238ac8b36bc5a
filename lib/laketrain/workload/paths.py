"""Makes the paths of a workload absolute.

    with_absolute_paths(workload, Path("conf"))
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from laketrain.config.track import Track

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def with_absolute_paths(workload: Workload, folder: Path) -> Workload:
    """A copy in which the paths of the lake, the sources and TensorBoard are absolute. Relative paths start from
    `folder`."""
    sources = {
        name: source.model_copy(update={"path": absolute(path, folder)}) if (path := source.file_path) else source
        for name, source in workload.sources.items()
    }
    return workload.model_copy(update={"lake": absolute(workload.lake, folder), "sources": sources,
                                       "track": _absolute_track(workload.track, folder)})


def _absolute_track(track: Track | None, folder: Path) -> Track | None:
    if track is None or track.tensorboard is None or track.tensorboard.folder is None:
        return track
    board = track.tensorboard.model_copy(update={"folder": absolute(track.tensorboard.folder, folder)})
    return track.model_copy(update={"tensorboard": board})


def absolute(path: str, folder: Path) -> str:
    """`path`, relative to `folder`, as an absolute path; a URL is returned unchanged."""
    return path if is_url(path) else str((folder / path).resolve())


def is_url(path: str) -> bool:
    """Whether `path` is a URL, i.e. has a scheme."""
    return "://" in path
