from __future__ import annotations

import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake, Version, lineage


def make(lake: Lake, table: str, **parents: int) -> Version:
    zone, _, name = table.partition("/")
    with lake.table(zone, name).stage() as draft:
        return draft.commit(parents={key.replace("_", "/"): number for key, number in parents.items()})


def test_ancestors_are_nearest_first_without_duplicates(local_lake: Lake) -> None:
    make(local_lake, "raw/a")
    make(local_lake, "raw/b")
    make(local_lake, "clean/a", raw_a=1)
    make(local_lake, "clean/b", raw_b=1, raw_a=1)
    joined = make(local_lake, "integrated/ab", clean_a=1, clean_b=1)
    assert [version.ref for version in lineage(local_lake, joined)] == \
        ["clean/a@1", "clean/b@1", "raw/a@1", "raw/b@1"]
    assert lineage(local_lake, local_lake.table("raw", "a").get(1)) == []


def test_a_table_that_is_its_own_parent_ends(local_lake: Lake) -> None:
    make(local_lake, "checkpoints/m")
    second = make(local_lake, "checkpoints/m", checkpoints_m=1)
    assert [version.ref for version in lineage(local_lake, second)] == ["checkpoints/m@1"]


def test_a_missing_parent_is_named_with_its_child(local_lake: Lake) -> None:
    child = make(local_lake, "clean/a", raw_a=4)
    with pytest.raises(LakeError, match="parent raw/a@4 of clean/a@1"):
        lineage(local_lake, child)
