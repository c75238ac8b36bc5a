"""Manifests are typed views of the meta of a version."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from laketrain.errors import LakeError
from laketrain.lake import Lake, Version
from laketrain.lake.manifests.base import Manifest


class Example(Manifest):
    rows: int = 0
    with_alias: str = Field(default="", alias="alias")


def version(folder: Path, **meta: object) -> Version:
    with Lake(folder).table("raw", "a").stage() as draft:
        return draft.commit(meta=dict(meta))


def test_only_fields_that_were_set_are_written_under_their_keys() -> None:
    assert Example(with_alias="x").to_meta() == {"alias": "x"}
    assert Example().to_meta() == {}


def test_missing_keys_have_defaults_and_unknown_ones_are_ignored(tmp_path: Path) -> None:
    assert Example.of(version(tmp_path, alias="x", later=1)) == Example(with_alias="x")


def test_a_value_of_another_type_is_an_error_with_the_key(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match=r"meta\.rows"):
        Example.of(version(tmp_path, rows="many"))
