from __future__ import annotations

import random
import time
from datetime import datetime, timedelta, timezone

import pytest

from laketrain.lake import Lake, collect

from .writers import commit, started

KILLS = 8


@pytest.mark.slow
def test_a_writer_killed_at_any_instant_leaves_only_complete_versions(local_lake: Lake) -> None:
    table = local_lake.table("clean", "killed")
    chance = random.Random(7)
    for _ in range(KILLS):
        before = len(table.versions())
        child = started("commit_forever", local_lake.url)
        while len(table.versions()) <= before:  # it is at its work now
            assert child.poll() is None
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.03))
        child.kill()
        child.communicate()
    versions = [table.get(number) for number in table.versions()]
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    assert all(version.exists() for version in versions)
    assert commit(table) == len(versions) + 1
    later = datetime.now(timezone.utc) + timedelta(hours=2)
    collect(local_lake, timedelta(hours=1), now=later)
    assert all(version.exists() for version in versions)
    committed = {version.entry.data for version in map(table.get, table.versions())}
    assert {f"data/{name}" for name in local_lake.store.dirs("clean/killed/data")} == committed
    assert local_lake.store.list("clean/killed/_drafts") == []
    assert local_lake.store.temporary("clean/killed") == []
