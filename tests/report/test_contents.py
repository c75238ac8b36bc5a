from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from laketrain.errors import LakeError
from laketrain.lake import Lake
from laketrain.report.contents import describe, describe_table
from laketrain.report.terminal.contents import print_contents, print_table

from .lakes import ROWS_IN, SPLITS, Built, build, commit

VERSION = {"version", "ref", "stage", "created", "by", "laketrain", "seconds", "rows", "quarantined", "files", "bytes",
           "figures"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("contents"))


def printed(show: Any, described: dict[str, Any], width: int = 150) -> str:
    text = io.StringIO()
    show(described, Console(file=text, width=width, highlight=False))
    return text.getvalue()


def test_every_table_is_listed_with_its_latest_version(built: Built) -> None:
    contents = describe(built.lake)
    assert contents["lake"] == built.lake.url
    assert [table["ref"] for table in contents["tables"]] == [
        "raw/pixels@1", "clean/pixels@1", "quarantine/pixels@1", "features/shapes@1", "models/shapes@1",
        "predictions/pixels@1", "runs/shapes-evaluation@1"]
    assert all(set(table) == VERSION | {"table", "versions", "problem"} for table in contents["tables"])


def test_numbers_come_from_the_entries(built: Built) -> None:
    tables = {table["table"]: table for table in describe(built.lake)["tables"]}
    clean, features = tables["clean/pixels"], tables["features/shapes"]
    assert (clean["rows"], clean["quarantined"], clean["stage"]) == (ROWS_IN - 9, 9, "clean")
    assert (clean["files"], clean["bytes"]) == (1, built.version("clean").entry.files[0].bytes)
    assert clean["created"] == built.version("clean").created.isoformat()
    assert (features["rows"], features["figures"]) == (sum(SPLITS.values()), SPLITS)
    assert (tables["raw/pixels"]["rows"], tables["raw/pixels"]["quarantined"]) == (None, None)
    assert tables["models/shapes"]["figures"] == {"epochs": 3, "parameters": 1234567}
    assert tables["runs/shapes-evaluation"]["figures"] == {"accuracy": 0.75, "macro_f1": 0.7321, "loss": 0.9876}


def test_a_version_has_all_keys_as_json(built: Built) -> None:
    table = describe_table(built.lake, "features/shapes")
    assert set(table) == VERSION | {"lake", "table", "data", "fingerprint", "schema", "counts", "lineage", "versions"}
    assert json.loads(json.dumps(table)) == table
    assert table["data"] == built.version("convert").path()
    assert table["counts"]["splits"] == SPLITS
    assert all(set(version) == VERSION for version in table["versions"])


def test_lineage_goes_back_to_the_raw_data(built: Built) -> None:
    [clean, model] = describe_table(built.lake, "predictions/pixels@1")["lineage"]
    assert (clean["ref"], clean["stage"], clean["rows"]) == ("clean/pixels@1", "clean", 81)
    assert [raw["ref"] for raw in clean["parents"]] == ["raw/pixels@1"]
    [features] = model["parents"]
    assert features["parents"] == [clean]


def test_older_versions_are_described_by_their_number(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    for _ in range(11):
        commit(lake, "raw/a", "ingest", [], {})
    assert describe_table(lake, "raw/a")["version"] == 11
    table = describe_table(lake, "raw/a@2")
    assert table["ref"] == "raw/a@2"
    assert [version["version"] for version in table["versions"]] == list(range(11, 0, -1))


@pytest.mark.parametrize(("ref", "message"), [
    ("clean/pixls", "nothing was committed to it yet.*clean/pixels"), ("clean", "names no table"),
    ("clean/pixels@x", "names no table"), ("clean/pixels@9", "the latest is 1"), ("tidy/pixels", "zone 'tidy'"),
    ("clean/../raw", "name"),
])
def test_a_ref_without_a_version_is_refused_with_the_nearest_name(built: Built, ref: str, message: str) -> None:
    with pytest.raises(LakeError, match=message):
        describe_table(built.lake, ref)


def test_a_damaged_entry_leaves_other_tables_readable(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    commit(lake, "raw/a", "ingest", [], {})
    broken = commit(lake, "clean/a", "clean", [], {})
    (Path(lake.url) / lake.table("clean", "a").log_path(broken.number)).write_text("{}")
    tables = {table["table"]: table for table in describe(lake)["tables"]}
    assert tables["raw/a"]["problem"] is None
    assert "isn't a valid log entry" in tables["clean/a"]["problem"] and tables["clean/a"]["ref"] is None
    assert "isn't a valid log entry" in printed(print_contents, describe(lake))


def test_a_missing_parent_is_shown_as_missing(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    raw = commit(lake, "raw/a", "ingest", [], {})
    commit(lake, "clean/a", "clean", [raw], {})
    lake.store.delete(lake.table("raw", "a").log_path(1))
    table = describe_table(lake, "clean/a")
    assert [(parent["ref"], parent["problem"]) for parent in table["lineage"]] == [
        ("raw/a@1", "nothing was committed to it yet")]
    assert "raw/a@1  nothing was committed" in printed(print_table, table)


def test_a_version_that_is_its_own_parent_is_shown_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    with lake.table("checkpoints", "m").stage() as draft:
        draft.commit(parents={"checkpoints/m": 1})
    [parent] = describe_table(lake, "checkpoints/m")["lineage"]
    assert (parent["ref"], parent["problem"]) == ("checkpoints/m@1", None)


def test_an_empty_lake_shows_the_next_command(tmp_path: Path) -> None:
    contents = describe(Lake(tmp_path / "lake"))
    assert contents["tables"] == []
    assert "laketrain run" in printed(print_contents, contents)


def test_the_terminal_shows_tables_and_lineage(built: Built) -> None:
    contents = printed(print_contents, describe(built.lake))
    assert "clean/pixels@1" in contents and "train 60, val 9, test 12" in contents and "1,234,567" in contents
    table = printed(print_table, describe_table(built.lake, "models/shapes"))
    lines = table.splitlines()
    start = next(index for index, line in enumerate(lines) if "made from" in line)
    for depth, ref in enumerate(["features/shapes@1", "clean/pixels@1", "raw/pixels@1"]):
        assert ref in lines[start + 1 + depth]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_narrow_terminal_shows_fewer_columns(built: Built, width: int) -> None:
    text = printed(print_contents, describe(built.lake), width)
    assert all(len(line) <= width for line in text.splitlines()[1:])
    assert "81" in text


def test_names_are_shown_without_markup_and_control_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "[red]eve[/red]\x1b[31m")
    lake = Lake(tmp_path / "lake")
    commit(lake, "raw/a", "ingest", [], {})
    for text in (printed(print_contents, describe(lake)), printed(print_table, describe_table(lake, "raw/a"))):
        assert "[red]eve[/red]" in text and "\x1b" not in text
