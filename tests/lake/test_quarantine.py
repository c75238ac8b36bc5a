from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.errors import DataError
from laketrain.lake import Draft, Lake, Version
from laketrain.lake.quarantine import check_balance, check_rejects, commit_quarantine, quarantine_of, record_of

COUNT = st.integers(0, 10**9)


@given(COUNT, COUNT)
def test_rows_that_are_all_accounted_for_balance(out: int, quarantined: int) -> None:
    check_balance("clean", "table 'x'", out + quarantined, out, quarantined)


@given(COUNT, COUNT, st.integers(-1000, 1000).filter(bool))
def test_missing_or_extra_rows_are_an_error_that_counts_them(out: int, quarantined: int, off: int) -> None:
    with pytest.raises(DataError, match=f"{off} are unaccounted for"):
        check_balance("clean", "table 'x'", out + quarantined + off, out, quarantined)


@pytest.mark.parametrize(("rows", "rejected", "allowed"), [
    (100, {}, 0.0), (100, {"a": 5}, 0.05), (0, {}, 0.0), (3, {"a": 3}, 1.0),
])
def test_rejects_up_to_the_limit_pass(rows: int, rejected: dict[str, int], allowed: float) -> None:
    check_rejects("clean", "table 'x'", rows, rejected, allowed, "quarantine/x@1")


def test_more_rejects_fail_with_the_most_frequent_rules_and_the_quarantine_version() -> None:
    rejected = {"range(b)": 1, "length(a)": 40, "readable": 20}
    with pytest.raises(DataError) as caught:
        check_rejects("clean", "table 'x'", 1000, rejected, 0.05, "quarantine/x@1")
    assert "61 of 1000 rows were rejected (6.1%), allowed is 5.0%" in str(caught.value)
    assert "length(a) 40, readable 20, range(b) 1" in str(caught.value)
    assert "quarantine/x@1" in str(caught.value)


def test_the_same_work_leaves_its_rejects_once_unless_they_were_damaged(tmp_path: Path) -> None:
    table, written = Lake(tmp_path).table("clean", "pixels"), []

    def write(draft: Draft) -> None:
        path = draft.path("part.txt")
        table.lake.store.write(path, b"a rejected row")
        written.append(tmp_path / path)

    def commit(fingerprint: str) -> Version:
        return commit_quarantine(table, [], write, stage="clean", fingerprint=fingerprint, table_schema="",
                                 counts={"quarantined": 1})

    first, again, other = commit("same"), commit("same"), commit("other")
    assert [first.ref, again.ref, other.ref] == ["quarantine/pixels@1", "quarantine/pixels@1", "quarantine/pixels@2"]
    assert set((tmp_path / quarantine_of(table).path / "data").iterdir()) == {file.parent for file in written}
    written[0].unlink()
    assert commit("same").number == 3


@pytest.mark.parametrize(("table", "quarantine"), [
    ("clean/pixels", "pixels"), ("integrated/digits", "digits-joins"), ("features/mnist", "mnist-features"),
    ("predictions/new", "new-predictions")])
def test_each_table_has_a_quarantine_of_its_own(tmp_path: Path, table: str, quarantine: str) -> None:
    assert quarantine_of(Lake(tmp_path).table(*table.split("/"))).path == f"quarantine/{quarantine}"


def test_a_record_is_the_row_as_json_with_sizes_instead_of_files() -> None:
    row = {"content": b"\xff" * 921, "path": "cats/1.jpg", "key": b"\x01", "at": None}
    assert record_of(row) == '{"content": "<921 bytes>", "path": "cats/1.jpg", "key": "b\'\\\\x01\'", "at": null}'
    assert len(record_of({"text": "x" * 9000})) == 2000


def test_a_record_is_always_valid_utf_8() -> None:
    assert record_of({"text": "é \ufffd", "half": "\ud83d"}).encode().decode() == \
        '{"text": "é \ufffd", "half": "\\ud83d"}'
