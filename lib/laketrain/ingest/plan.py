"""Plans which files of a source to copy: all of them, or only those that no earlier version has.

    plan, key = plan_ingest("pixels", source, lake.table("raw", "pixels").latest())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from laketrain.config.sources import MEDIA, FileSource
from laketrain.errors import DataError, LakeError
from laketrain.ingest.listing import ListedFile, Listing, list_source
from laketrain.lake import Version, appends, fingerprint
from laketrain.lake.manifests import RawManifest

REVISION = 2


@dataclass(frozen=True)
class Plan:
    """What to copy.

    Attributes:
        appends_to: the versions that the new one appends to, oldest first.
        after: the number of the version that it must follow directly, 0 for none; None for any.
        gone: how many files of the previous version are no longer at the source.
    """

    listing: Listing
    files: tuple[ListedFile, ...]
    appends_to: tuple[Version, ...] = ()
    after: int | None = None
    gone: int = 0


@dataclass(frozen=True)
class _LandedFile:
    ref: str
    size: int
    changed: str


def plan_ingest(name: str, source: FileSource, latest: Version | None = None) -> tuple[Plan, str]:
    """The plan, and the fingerprint of the version that it makes; the latest version's where an incremental source has
    nothing new.

    Args:
        latest: the latest version of `raw/<name>`. An incremental source appends to it; others are compared with it.

    Raises:
        DataError: the path matches nothing, unless the source may be empty or was ingested before; two files would
            have the same name in the lake; a file changed after an earlier version copied it.
    """
    listing = list_source(name, source)
    if source.incremental and latest is not None:
        return _plan_append(name, listing, latest)
    if not listing.files and source.empty == "fail":
        skipped = f"; {listing.hidden} hidden ones were skipped" if listing.hidden else ""
        raise DataError("ingest", f"source {name!r}", f"no file matches {source.path}{skipped}",
                        f"check the path, or 'sources.{name}.path'; a source that may be empty needs 'empty: ok'")
    gone = len(_gone(_landed_files(_versions_of(latest)), listing))
    settings = {"format": source.format, "files": _states(listing.files), **_renamed_files(source, listing)}
    plan = Plan(listing, listing.files, after=0 if source.incremental else None, gone=gone)
    return plan, fingerprint("ingest", REVISION, settings)


def _plan_append(name: str, listing: Listing, latest: Version) -> tuple[Plan, str]:
    appends_to = tuple(appends(latest))
    landed = _landed_files(appends_to)
    new = []
    for file in listing.files:
        if file.url not in landed:
            new.append(file)
        elif problem := _difference(file, landed[file.url]):
            raise DataError("ingest", f"source {name!r}", problem, _change_hint(name, _gone(landed, listing)))
    plan = Plan(listing, tuple(new), appends_to, after=latest.number)
    if not new:
        return plan, latest.entry.fingerprint
    return plan, fingerprint("ingest", REVISION, {"new": _states(new)}, [latest])


def _change_hint(name: str, gone: list[str]) -> str:
    """The next step for a file that changed after it was copied."""
    dropped = "" if not gone else (f" (that run drops the rows of {len(gone)} landed files that are no longer at the "
                                   f"source, such as {gone[0]}: restore them first if you need them)")
    return (f"if it was ingested half written, or was corrected since, ingest all files again, by one run with "
            f"'sources.{name}.incremental' false{dropped}; if rows were added to it, restore it, and deliver them in "
            "a file of their own")


def _versions_of(latest: Version | None) -> tuple[Version, ...]:
    """The versions whose files make up `latest`. A damaged one mustn't prevent a full copy, so it is left out."""
    if latest is None:
        return ()
    try:
        return tuple(appends(latest))
    except LakeError:
        return (latest,)


def _gone(landed: Mapping[str, _LandedFile], listing: Listing) -> list[str]:
    """The copied files that are no longer at the source."""
    urls = {file.url for file in listing.files}
    return [url for url in landed if url and url not in urls]


def _renamed_files(source: FileSource, listing: Listing) -> dict[str, list[str]]:
    """The names in the lake that differ from the source's, as a part of the fingerprint: an older laketrain used names
    that Spark may skip, and such a version is made again. Not for images and audio, which Spark doesn't read."""
    names = [file.name for file in listing.files if file.renamed]
    return {"renamed": names} if names and source.format not in MEDIA else {}


def _landed_files(versions: tuple[Version, ...]) -> dict[str, _LandedFile]:
    """By URL, the files that earlier versions copied."""
    landed = {}
    for version in versions:
        manifest = RawManifest.of(version)
        for file in version.entry.files:
            changed = manifest.changed.get(file.path, "")
            landed[manifest.sources.get(file.path, "")] = _LandedFile(version.ref, file.bytes, changed)
    return landed


def _difference(file: ListedFile, landed: _LandedFile) -> str:
    """How a file differs from the copied one; empty where it doesn't."""
    if file.size != landed.size:
        return f"{file.url} has {file.size} bytes, but had {landed.size} when {landed.ref} landed it"
    if file.changed and landed.changed and file.changed != landed.changed:
        return f"{file.url} was written again after {landed.ref} landed it"
    return ""


def _states(files: tuple[ListedFile, ...] | list[ListedFile]) -> list[tuple[str, int, str]]:
    return [(file.url, file.size, file.changed) for file in files]
