"""A policy drops old versions, but never an ancestor of a kept one."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laketrain.errors import LakeError
from laketrain.lake import Lake, Retention, expire, expired
from laketrain.lake.appends import APPENDS_TO

from .writers import add, parquet


def make(lake: Lake, table: str, made_from: dict[str, int] | None = None, key: str = "",
         adds_to: list[int] | None = None) -> int:
    """Commits a version and returns its number."""
    zone, _, name = table.partition("/")
    with lake.table(zone, name).stage() as draft:
        add(draft, "part.parquet", parquet(1))
        return draft.commit(parents=made_from, fingerprint=key, meta={APPENDS_TO: adds_to} if adds_to else {}).number


def kept_refs(lake: Lake) -> list[str]:
    return [table.get(number).ref for table in lake.tables() for number in table.versions()]


def test_the_newest_versions_of_each_table_are_kept_and_the_others_lose_their_data(lake: Lake) -> None:
    for _ in range(3):
        make(lake, "clean/a")
    make(lake, "clean/b")
    dropped = lake.table("clean", "a").get(1).path("part.parquet")
    assert [version.ref for version in expire(lake, Retention(2))] == ["clean/a@1"]
    assert kept_refs(lake) == ["clean/a@2", "clean/a@3", "clean/b@1"]
    assert not lake.store.exists(dropped)


def test_the_ancestors_of_a_kept_version_are_kept_back_to_the_raw_files(local_lake: Lake) -> None:
    for day in range(1, 5):
        made = make(local_lake, "raw/a", adds_to=list(range(1, day)))
        made = make(local_lake, "clean/a", {"raw/a": made})
        make(local_lake, "features/a", {"clean/a": made})
    make(local_lake, "models/a", {"features/a": 2})
    expire(local_lake, Retention(1))
    # raw@4 has the files of all earlier versions.
    assert kept_refs(local_lake) == [
        "raw/a@1", "raw/a@2", "raw/a@3", "raw/a@4", "clean/a@2", "clean/a@4", "features/a@2",
        "features/a@4", "models/a@1"]


def test_the_thousands_of_appends_of_a_stream_are_all_kept_with_little_memory(tmp_path: Path) -> None:
    lake, many = Lake(tmp_path), 1500
    make(lake, "raw/a")
    entry = lake.table("raw", "a").get(1).entry
    for number in range(2, many + 1):
        later = entry.model_copy(update={"version": number, "meta": {APPENDS_TO: [[1, number - 1]]}})
        Path(tmp_path, lake.table("raw", "a").log_path(number)).write_text(later.model_dump_json())
    make(lake, "clean/a", {"raw/a": 1200})
    tracemalloc.start()
    try:
        assert expired(lake, Retention(5)) == []
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()


def test_a_model_that_another_was_initialised_from_is_kept_without_its_data(local_lake: Lake) -> None:
    for day in range(1, 6):
        made = make(local_lake, "features/a", {"raw/a": make(local_lake, "raw/a")})
        make(local_lake, "models/a", {"features/a": made, **({"models/a": day - 1} if day > 1 else {})})
    expire(local_lake, Retention(1))
    assert kept_refs(local_lake) == ["raw/a@5", "features/a@5", "models/a@4", "models/a@5"]


def test_the_quarantined_rows_of_a_kept_version_are_kept(local_lake: Lake) -> None:
    for work in ("one", "two", "three"):
        make(local_lake, "quarantine/a", key=work)
        make(local_lake, "clean/a", key=work)
    make(local_lake, "models/a", {"clean/a": 1})
    expire(local_lake, Retention(1))
    assert kept_refs(local_lake) == ["clean/a@1", "clean/a@3", "quarantine/a@1", "quarantine/a@3", "models/a@1"]


def test_any_number_of_young_versions_is_kept(local_lake: Lake) -> None:
    for _ in range(3):
        make(local_lake, "clean/a")
    soon, later = datetime.now(timezone.utc), datetime.now(timezone.utc) + timedelta(days=8)
    assert expired(local_lake, Retention(1, days=7), now=soon) == []
    assert [version.ref for version in expired(local_lake, Retention(1, days=7), now=later)] == ["clean/a@2",
                                                                                                  "clean/a@1"]


def test_only_included_tables_lose_versions_and_checkpoints_never_do(local_lake: Lake) -> None:
    for table in ("clean/a", "clean/b", "checkpoints/a"):
        make(local_lake, table)
        make(local_lake, table)
    assert [version.ref for version in expired(local_lake, Retention(1))] == ["clean/b@1", "clean/a@1"]
    expire(local_lake, Retention(1), lambda table: table == "clean/b")
    assert kept_refs(local_lake) == ["clean/a@1", "clean/a@2", "clean/b@2", "checkpoints/a@1", "checkpoints/a@2"]


def test_concurrent_expirations_drop_the_same_versions_as_one(lake: Lake) -> None:
    for _ in range(6):
        make(lake, "clean/a")
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(expire, lake, Retention(2)) for _ in range(4)]:
            future.result()
    assert kept_refs(lake) == ["clean/a@5", "clean/a@6"]


def test_a_dry_run_drops_nothing_and_a_policy_that_keeps_nothing_is_an_error(local_lake: Lake) -> None:
    make(local_lake, "clean/a")
    make(local_lake, "clean/a")
    assert len(expire(local_lake, Retention(1), dry_run=True)) == 1
    assert len(kept_refs(local_lake)) == 2
    with pytest.raises(LakeError, match="would keep 0 versions"):
        expired(local_lake, Retention(0))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 9)), max_size=12), st.integers(1, 3))
def test_after_any_policy_each_table_has_its_newest_and_no_version_lacks_a_parent(
        tmp_path_factory: pytest.TempPathFactory, made: list[tuple[int, int, int]], keep: int) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    numbers = [0, 0, 0]
    for layer, *parents in made:
        below = {f"clean/t{layer - 1}": 1 + parents[0] % numbers[layer - 1]} if layer and numbers[layer - 1] else {}
        numbers[layer] = make(lake, f"clean/t{layer}", below)
    newest = {f"clean/t{layer}@{number}" for layer, count in enumerate(numbers)
              for number in range(max(1, count - keep + 1), count + 1)}
    expire(lake, Retention(keep))
    remaining = kept_refs(lake)
    assert newest <= set(remaining)
    parents_of = [f"{table}@{number}" for ref in remaining for table, number in lake.version(ref).entry.parents.items()]
    assert set(parents_of) <= set(remaining)
    assert set(remaining) == newest | set(_ancestors(lake, newest))


def _ancestors(lake: Lake, refs: set[str]) -> list[str]:
    ancestors, waiting = [], sorted(refs)
    while waiting:
        for table, number in lake.version(waiting.pop()).entry.parents.items():
            ancestors.append(f"{table}@{number}")
            waiting.append(ancestors[-1])
    return ancestors
