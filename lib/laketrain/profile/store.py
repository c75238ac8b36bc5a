"""The profiles' tables: `profiles/clean.pixels` has one version for each profiled version of `clean/pixels`.

    find_profile(version)                    # the profile's version; None where there is none yet
"""

from __future__ import annotations

from laketrain.lake import Table, Version, fingerprint

REVISION = 1
ZONES = ("clean", "integrated")
"""The zones whose tables have profiles."""


def fingerprint_profile(table: Version) -> str:
    """Fingerprint of the profile of this version."""
    return fingerprint("profile", REVISION, None, [table])


def profiles_of(table: Version) -> Table:
    """The table with the profiles of all versions of `table`. Zone names have no dot, so the names are unique."""
    return table.lake.table("profiles", f"{table.zone}.{table.name}")


def find_profile(table: Version) -> Version | None:
    """The profile of this version."""
    return profiles_of(table).find(fingerprint_profile(table))
