"""Committed files are unchanged, byte for byte, or the changed file is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from laketrain.errors import LakeError
from laketrain.lake import Corruption, DataFile, Lake, Version, verify
from laketrain.lake.contents import crc32_of, verify_rows


@pytest.fixture
def version(tmp_path: Path) -> Version:
    """Two Parquet files and a text; the first and the text with a checksum."""
    lake = Lake(tmp_path / "a lake")
    with lake.table("clean", "pixels").stage() as draft:
        files = []
        for name in ("a.parquet", "b.parquet", "note.txt"):
            path = Path(str(lake.store.local(draft.path(name))))
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("parquet"):
                pq.write_table(pa.table({"n": range(1000)}), path, row_group_size=400)
            else:
                path.write_text("said")
            with path.open("rb") as content:
                checksum = crc32_of(content)
            rows = {"rows": 1000, "row_groups": [400, 400, 200]} if name.endswith("parquet") else {}
            files.append(DataFile(path=name, bytes=path.stat().st_size,
                                  crc32=None if name == "b.parquet" else checksum, **rows))
        return draft.commit(files=files)


def path_in(version: Version, name: str) -> Path:
    return Path(str(version.lake.store.local(version.path(name))))


def test_an_intact_version_has_no_corruptions_and_every_file_is_checked(version: Version) -> None:
    seen: list[str] = []
    assert verify(version, lambda file: seen.append(file.path)) == []
    assert sorted(seen) == ["a.parquet", "b.parquet", "note.txt"]


def test_a_changed_bit_is_detected_by_the_checksum(version: Version) -> None:
    file = path_in(version, "a.parquet")
    content = bytearray(file.read_bytes())
    content[50] ^= 1
    file.write_bytes(content)
    [flaw] = verify(version)
    assert flaw.path == "a.parquet"
    assert "was committed" in flaw.problem


def test_a_missing_file_and_a_longer_one_are_detected(version: Version) -> None:
    path_in(version, "note.txt").unlink()
    with path_in(version, "b.parquet").open("ab") as file:
        file.write(b"!")
    problem = "is missing, or of another size"
    assert verify(version) == [Corruption("b.parquet", problem), Corruption("note.txt", problem)]


def test_rows_that_differ_from_the_footer_are_an_error_with_both_counts(version: Version) -> None:
    [_, file, _] = version.entry.files
    wrong = file.model_copy(update={"rows": 999, "row_groups": [400, 400, 199]})
    with pytest.raises(LakeError, match=r"b\.parquet \(declared 999 rows, its footer has 1000\)"):
        verify_rows(version.lake.store, version.path(), [wrong])
    verify_rows(version.lake.store, version.path(), version.entry.files)
