from __future__ import annotations

import json
import pickle
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laketrain.errors import LakeError
from laketrain.lake import DataFile, Entry, Lake
from laketrain.lake.version import parse_entry

from .writers import commit

PATH = "clean/x/_log/00000000000000000001.json"
LEAST: dict[str, Any] = {"version": 1, "data": "data/u", "created": "2026-11-20T12:00:00Z"}


def test_keys_of_a_later_laketrain_are_ignored() -> None:
    file = {"path": "a", "bytes": 1, "checksum": "later"}
    entry = parse_entry(json.dumps({**LEAST, "files": [file], "later": {"x": 1}}).encode(), PATH, 1)
    assert entry.files == [DataFile(path="a", bytes=1)]


@pytest.mark.parametrize("content", [
    b"", b"{", b"\xff\xfe", b"[]", b"null", b'{"version": 1}', json.dumps({**LEAST, "version": "one"}).encode(),
    json.dumps({**LEAST, "data": "../other"}).encode(), json.dumps({**LEAST, "data": "data/../../x"}).encode(),
    json.dumps({**LEAST, "files": [{"path": "../../etc/passwd", "bytes": 1}]}).encode(),
    json.dumps({**LEAST, "files": [{"path": "a", "bytes": -1}]}).encode(), json.dumps({**LEAST, "version": 2}).encode(),
    json.dumps({**LEAST, "created": "2026-11-20T12:00:00"}).encode(),
])
def test_a_damaged_or_hostile_entry_is_an_error_that_names_its_file(content: bytes) -> None:
    with pytest.raises(LakeError, match=r"00000000000000000001\.json"):
        parse_entry(content, PATH, 1)


@settings(deadline=None)
@given(st.integers(0, 400))
def test_an_entry_truncated_anywhere_is_an_error(cut: int) -> None:
    content = Entry(**LEAST, fingerprint="f" * 64, stage="clean").model_dump_json(indent=1).encode()
    if cut >= len(content):
        return
    with pytest.raises(LakeError):
        parse_entry(content[:cut], PATH, 1)


json_values = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.text() |
                           st.floats(allow_nan=False, allow_infinity=False),
                           lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@settings(deadline=None)
@given(st.integers(1, 10**19), st.dictionaries(st.text(), json_values),
       st.datetimes(timezones=st.just(timezone.utc)), st.lists(st.integers(0, 10**9)))
def test_an_entry_is_read_back_from_its_file(
        number: int, meta: dict[str, Any], created: datetime, groups: list[int]) -> None:
    file = DataFile(path="train/ü 1.parquet", bytes=3, rows=sum(groups), row_groups=groups)
    entry = Entry(version=number, data="data/u", files=[file], meta=meta, created=created, parents={"raw/x": 3})
    assert parse_entry(entry.model_dump_json(indent=1).encode(), PATH, number) == entry


def test_a_version_describes_its_files(local_lake: Lake) -> None:
    table = local_lake.table("clean", "pixels")
    version = table.get(commit(table, rows=10))
    assert (version.ref, version.rows, version.number) == ("clean/pixels@1", 10, 1)
    assert [(file.path, file.rows, file.row_groups) for file in version.files()] == [("part.parquet", 10, [4, 4, 2])]
    assert version.url("part.parquet") == f"file://{local_lake.url}/{version.path('part.parquet')}"
    assert version.exists()
    assert pickle.loads(pickle.dumps(version)) == version


def test_files_under_a_directory_are_those_in_it(local_lake: Lake) -> None:
    with local_lake.table("features", "x").stage() as draft:
        for name in ("train/a", "train/s/b", "training/c"):
            local_lake.store.write(draft.path(name), b"1")
        version = draft.commit()
    assert [file.path for file in version.files("train")] == ["train/a", "train/s/b"]
    assert [file.path for file in version.files("train/")] == ["train/a", "train/s/b"]


def test_a_version_with_a_missing_or_truncated_file_names_it(local_lake: Lake) -> None:
    table = local_lake.table("clean", "pixels")
    version = table.get(commit(table))
    Path(str(local_lake.store.local(version.path("part.parquet")))).write_bytes(b"cut")
    assert version.missing() == ["part.parquet"]
    assert not version.exists()
    with pytest.raises(LakeError, match=r"clean/pixels@1: .*part.parquet is missing, or has another size"):
        version.check_files()
