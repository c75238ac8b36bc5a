from __future__ import annotations

import pytest

from laketrain.errors import LakeError
from laketrain.lake import DataFile, Lake

from .writers import add, parquet


def test_a_truncated_parquet_file_is_named_and_not_committed(lake: Lake) -> None:
    table = lake.table("clean", "pixels")
    for content in (parquet(100)[:-5], b"", b"PAR1"):
        draft = table.stage()
        add(draft, "train/good.parquet", parquet(3))
        add(draft, "train/bad.parquet", content)
        with pytest.raises(LakeError, match=r"train/bad\.parquet.*truncated or damaged"):
            draft.commit()
    assert table.versions() == []


@pytest.mark.parametrize(("declared", "message"), [
    ([DataFile(path="a", bytes=2)], r"a \(declared 2 bytes, found 1\)"),
    ([DataFile(path="a", bytes=1), DataFile(path="b", bytes=1)], r"b \(declared 1 bytes, found none\)"),
    ([], "files that it doesn't declare: a"),
])
def test_a_commit_whose_declared_files_differ_from_the_stored_ones_fails(
        lake: Lake, declared: list[DataFile], message: str) -> None:
    table = lake.table("clean", "pixels")
    draft = table.stage()
    add(draft, "a", b"1")
    with pytest.raises(LakeError, match=message):
        draft.commit(files=declared)
    assert table.versions() == []


def test_a_failed_commit_can_be_repaired_and_retried(lake: Lake) -> None:
    draft = lake.table("clean", "pixels").stage()
    with pytest.raises(LakeError):
        draft.commit(files=[DataFile(path="a", bytes=1)])
    add(draft, "a", b"1")
    assert draft.commit(files=[DataFile(path="a", bytes=1)]).exists()
