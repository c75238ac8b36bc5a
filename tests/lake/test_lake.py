"""A lake has the zones of laketrain's stages and those that are added."""

from __future__ import annotations

from datetime import timedelta

import pytest

from laketrain.errors import LakeError
from laketrain.lake import ZONES, Lake, collect


def test_tables_of_an_added_zone_are_found_by_others(lake: Lake) -> None:
    assert lake.zones() == ZONES
    for _ in range(2):
        lake.add_zone("embeddings")
    with lake.table("embeddings", "texts").stage() as draft:
        lake.store.write(draft.path("part.txt"), b"x")
        draft.commit(stage="embed")
    other = Lake(lake.url)
    assert other.zones() == (*ZONES, "embeddings")
    assert [table.path for table in other.tables()] == ["embeddings/texts"]
    assert other.version("embeddings/texts").exists()


def test_leftovers_of_a_killed_job_in_an_added_zone_are_collected(lake: Lake) -> None:
    lake.add_zone("embeddings")
    draft = lake.table("embeddings", "texts").stage()
    lake.store.write(draft.path("part.txt"), b"x")
    assert collect(lake, timedelta(0), dry_run=True).data == (f"embeddings/texts/data/{draft.unique}",)


def test_a_zone_that_was_not_added_is_refused_with_the_nearest(lake: Lake) -> None:
    lake.add_zone("embeddings")
    with pytest.raises(LakeError, match=r"is none of raw, .*embeddings\. Next: Did you mean 'embeddings'\?"):
        lake.table("embedings", "texts")
    with pytest.raises(LakeError, match="is not a name that the lake can hold"):
        lake.add_zone("../out")


def test_an_unknown_zone_is_refused_with_the_nearest(lake: Lake) -> None:
    with pytest.raises(LakeError, match="features"):
        lake.table("feature", "x")
