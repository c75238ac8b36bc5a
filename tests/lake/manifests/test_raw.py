from __future__ import annotations

from typing import Any

import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake, Version
from laketrain.lake.appends import appended_to, ranges_up_to
from laketrain.lake.manifests import RawManifest


def version(lake: Lake, meta: dict[str, Any]) -> Version:
    with lake.table("raw", "events").stage() as draft:
        return draft.commit(meta=meta)


def test_a_manifest_is_read_back_from_the_entry(local_lake: Lake) -> None:
    manifest = RawManifest(base="file:///in/", sources={"a.csv": "file:///in/a.csv"}, changed={"a.csv": "7"}, hidden=2,
                           appends_to=[[1, 3], 5])
    made = version(local_lake, manifest.to_meta())
    assert RawManifest.of(made) == manifest
    assert appended_to(made) == [1, 2, 3, 5]


def test_the_keys_on_disk_are_those_of_earlier_versions_in_their_order() -> None:
    files = RawManifest(base="b", sources={}, changed={}, hidden=0, appends_to=[])
    assert list(files.to_meta().items()) == [("base", "b"), ("sources", {}), ("changed", {}), ("hidden", 0),
                                             ("adds_to", [])]
    assert list(RawManifest(kafka={"cluster": "c", "topics": {}}, appends_to=[1]).to_meta()) == ["kafka", "adds_to"]
    assert list(RawManifest(table={"place": "p"}, appends_to=[]).to_meta()) == ["table", "adds_to"]


def test_keys_that_an_earlier_or_later_laketrain_did_not_have_are_tolerated(local_lake: Lake) -> None:
    manifest = RawManifest.of(version(local_lake, {"base": "b", "later": [1]}))
    assert (manifest.base, manifest.sources, manifest.kafka, manifest.appends_to) == ("b", {}, None, [])


def test_a_value_of_another_type_is_an_error_that_names_the_version_and_the_key(local_lake: Lake) -> None:
    with pytest.raises(LakeError, match=r"raw/events@1: its entry has an unexpected value of meta\.hidden"):
        RawManifest.of(version(local_lake, {"hidden": "many"}))


def test_an_append_records_the_ranges_of_its_versions(local_lake: Lake) -> None:
    first = version(local_lake, {})
    second = version(local_lake, RawManifest(appends_to=ranges_up_to(first)).to_meta())
    assert ranges_up_to(second) == [[1, 2]]
