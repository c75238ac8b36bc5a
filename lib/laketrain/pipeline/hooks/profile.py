"""Makes the profile of each clean and integrated table."""

from __future__ import annotations

from laketrain.pipeline.context import Context
from laketrain.pipeline.hooks.base import Hook
from laketrain.pipeline.profiles import make_profile
from laketrain.profile.store import ZONES, find_profile, fingerprint_profile, profiles_of
from laketrain.stages import Outcome


class ProfileHook(Hook):
    """Profiles tables if the workload asks for it. No stage needs profiles, so a profile that fails is a note, and the
    run continues."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def stage_ended(self, outcome: Outcome) -> None:
        table = outcome.version
        if not self._context.workload.profile or table.zone not in ZONES or find_profile(table) is not None:
            return
        try:
            with self._context.lease(profiles_of(table), fingerprint_profile(table)):
                if find_profile(table) is None:
                    make_profile(self._context, table)
        except Exception as error:
            self._context.note(f"no profile of {table.ref}: {error}")
