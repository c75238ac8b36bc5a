"""Which files of a source are to be landed now: all of them, or only those that no earlier version has.

    plan, key = plan_ingest("pixels", source, lake.table("raw", "pixels").latest())
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from laketrain.config.sources import MEDIA, Source
from laketrain.errors import DataError, LakeError
from laketrain.ingest.listing import Listing, SourceFile, listed
from laketrain.lake import Version, fingerprint, increments

REVISION = 2


@dataclass(frozen=True)
class Plan:
    """What to land. `adds_to` are the versions whose files the new one holds too, the oldest first; `after` the version
    that it goes on from and so must follow, 0 for none, None where it stands by itself; `gone` how many files of the
    version before it leaves out."""

    listing: Listing
    files: tuple[SourceFile, ...]
    adds_to: tuple[Version, ...] = ()
    after: int | None = None
    gone: int = 0


@dataclass(frozen=True)
class _Landed:
    ref: str
    size: int
    changed: str


def plan_ingest(name: str, source: Source, latest: Version | None = None) -> tuple[Plan, str]:
    """What ingest is to do, and the fingerprint of the version that it makes: an earlier one's where nothing is new.

    Args:
        latest: of `raw/<name>`; what an incremental source adds to, and what any other is compared with.

    Raises:
        DataError: the path matches nothing, unless the source may be empty or has landed before; two files would have
            one name in the lake; a file changed after an earlier version landed it.
    """
    listing = listed(name, source)
    if source.incremental and latest is not None:
        return _addition(name, listing, latest)
    if not listing.files and source.empty == "fail":
        passed = f"; {listing.hidden} hidden ones were passed over" if listing.hidden else ""
        raise DataError("ingest", f"source {name!r}", f"no file matches {source.path}{passed}",
                        f"check the path, or 'sources.{name}.path'; a source that may be empty says 'empty: ok'")
    gone = len(_gone(_landed(_held(latest)), listing))
    return Plan(listing, listing.files, after=0 if source.incremental else None, gone=gone), fingerprint(
        "ingest", REVISION, {"format": source.format, "files": _marks(listing.files), **_renamed(source, listing)})


def _addition(name: str, listing: Listing, latest: Version) -> tuple[Plan, str]:
    adds_to = tuple(increments(latest))
    landed = _landed(adds_to)
    new = []
    for file in listing.files:
        if file.url not in landed:
            new.append(file)
        elif problem := _differs(file, landed[file.url]):
            raise DataError("ingest", f"source {name!r}", problem, _way_out(name, _gone(landed, listing)))
    plan = Plan(listing, tuple(new), adds_to, after=latest.number)
    if not new:
        return plan, latest.entry.fingerprint
    return plan, fingerprint("ingest", REVISION, {"new": _marks(new)}, [latest])


def _way_out(name: str, gone: list[str]) -> str:
    """Of a file that changed after it had landed."""
    dropped = "" if not gone else (f" (that run drops the rows of {len(gone)} landed files that are no longer at the "
                                   f"source, such as {gone[0]}: put them back first, if they are wanted)")
    return (f"if it was landed half written, or is corrected now, land all files anew, by one run with 'sources.{name}"
            f".incremental' false{dropped}; if rows came to be added to it, put it back as it was, and deliver them in "
            "a file of their own")


def _held(latest: Version | None) -> tuple[Version, ...]:
    """The versions whose files `latest` holds. One that is damaged in the lake is no reason to land nothing anew."""
    if latest is None:
        return ()
    try:
        return tuple(increments(latest))
    except LakeError:
        return (latest,)


def _gone(landed: Mapping[str, _Landed], listing: Listing) -> list[str]:
    """The landed files that are no longer at the source."""
    there = {file.url for file in listing.files}
    return [url for url in landed if url and url not in there]


def _renamed(source: Source, listing: Listing) -> dict[str, list[str]]:
    """The names in the lake that differ from the source's: what landed them under other ones, which Spark may pass
    over, is made anew. Images and audio are not read by Spark."""
    names = [file.name for file in listing.files if file.renamed]
    return {"renamed": names} if names and source.format not in MEDIA else {}


def _landed(versions: tuple[Version, ...]) -> dict[str, _Landed]:
    """By URL, what earlier versions landed."""
    landed = {}
    for version in versions:
        urls, changed = version.entry.meta.get("sources", {}), version.entry.meta.get("changed", {})
        for file in version.entry.files:
            landed[urls.get(file.path, "")] = _Landed(version.ref, file.bytes, changed.get(file.path, ""))
    return landed


def _differs(file: SourceFile, landed: _Landed) -> str:
    """How a file is no longer what was landed; empty where it is."""
    if file.size != landed.size:
        return f"{file.url} has {file.size} bytes, but had {landed.size} when {landed.ref} landed it"
    if file.changed and landed.changed and file.changed != landed.changed:
        return f"{file.url} was written again after {landed.ref} landed it"
    return ""


def _marks(files: tuple[SourceFile, ...] | list[SourceFile]) -> list[tuple[str, int, str]]:
    return [(file.url, file.size, file.changed) for file in files]
