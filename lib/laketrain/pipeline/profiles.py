"""Makes and shows the profiles of committed tables."""

from __future__ import annotations

import time

from laketrain.errors import LakeError
from laketrain.lake import Version
from laketrain.pipeline.context import Context
from laketrain.profile.model import PAGE, load_profile
from laketrain.profile.store import ZONES, find_profile
from laketrain.report.profile import ProfileView, page_of
from laketrain.stages import Outcome, StageEnded, StageStarted


def make_profile(context: Context, table: Version) -> Version:
    """Commits the profile of a version. Raises DataError if Spark can't read it."""
    from laketrain.profile.stage import profile

    started = time.monotonic()
    context.report(StageStarted("profile", table.name))
    version = profile(context.spark, table, page_of)
    context.report(StageEnded(Outcome("profile", version, False, time.monotonic() - started)))
    return version


def view_profile(context: Context, table: Version, force: bool = False) -> ProfileView:
    """The profile of a version, made if there is none yet. Raises LakeError for a zone whose tables have none."""
    if table.zone not in ZONES:
        raise LakeError("profile", table.ref, "has no profile",
                        f"name a table of {' or '.join(f'{zone}/' for zone in ZONES)}")
    version = (None if force else find_profile(table)) or make_profile(context, table)
    path = version.path(PAGE)
    return ProfileView(load_profile(version), context.lake.store.local(path) or version.url(PAGE))
