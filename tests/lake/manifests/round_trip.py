"""A manifest reads the JSON of a lake, and writes it byte for byte as it was."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from laketrain.lake import Lake, Version
from laketrain.lake.manifests import Manifest


def check_round_trip(manifest: type[Manifest], text: str) -> None:
    """Checks the JSON `text` of a meta, whole and without any of its keys, as other versions of laketrain wrote it."""
    meta: dict[str, Any] = json.loads(text)
    assert written(manifest.from_meta(meta)) == json.dumps(meta)

    @given(st.sets(st.sampled_from(list(meta))))
    def absent_keys_stay_absent(absent: set[str]) -> None:
        rest = {key: value for key, value in meta.items() if key not in absent}
        assert written(manifest.from_meta(rest)) == json.dumps(rest)

    absent_keys_stay_absent()


def written(manifest: Manifest) -> str:
    return json.dumps(manifest.to_meta())


def version(lake: Lake, table: str, meta: dict[str, Any]) -> Version:
    """A version of `table` with this meta, read from the lake."""
    with lake.table(*table.split("/")).stage() as draft:
        return draft.commit(meta=meta)
