from pathlib import Path

import pytest

from laketrain.config.sources import Source
from laketrain.errors import DataError, LakeError
from laketrain.ingest import ingest, plan_ingest
from laketrain.lake import Lake


def source(path: object) -> Source:
    return Source.model_validate({"format": "csv", "path": str(path), "schema": {"a": "string"}})


def landing(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_csv", ".csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def test_files_land_byte_for_byte_under_their_names(tmp_path: Path) -> None:
    folder = landing(tmp_path / "a landing", x_csv="a\n1\n", y_csv="a\n2\nü\n")
    files, key = plan_ingest("pixels", source(folder / "*.csv"))
    version = ingest(Lake(tmp_path / "my lake"), "pixels", files, key)
    landed = {file.path: version.lake.store.read(version.path(file.path)) for file in version.entry.files}
    assert landed == {"x.csv": b"a\n1\n", "y.csv": "a\n2\nü\n".encode()}
    assert version.entry.counts == {"files": 2, "bytes": 4 + 7}


def test_a_directory_lands_with_its_folders_and_without_what_is_hidden(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", b__x_csv="1", c__x_csv="2", _SUCCESS="", b___half="x")
    files, _ = plan_ingest("pixels", source(folder))
    assert [file.name for file in files] == ["b/x.csv", "c/x.csv"]


def test_the_same_files_have_the_same_fingerprint_and_changed_ones_another(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    _, before = plan_ingest("pixels", source(folder / "*.csv"))
    _, again = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, x_csv="12")
    _, grown = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, z_csv="1")
    _, more = plan_ingest("pixels", source(folder / "*.csv"))
    assert before == again
    assert len({before, grown, more}) == 3


def test_characters_that_spark_takes_for_a_pattern_are_replaced_in_the_lake(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a{1}[x].csv").write_text("1")
    files, key = plan_ingest("pixels", source(folder))
    version = ingest(Lake(tmp_path / "lake"), "pixels", files, key)
    assert [file.path for file in version.entry.files] == ["a_1__x_.csv"]
    assert version.entry.meta["sources"]["a_1__x_.csv"].endswith("a{1}[x].csv")


def test_two_files_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a[.csv").write_text("1")
    (folder / "a].csv").write_text("2")
    with pytest.raises(DataError, match=r"would both be a_\.csv"):
        plan_ingest("pixels", source(folder))


def test_a_path_that_matches_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file matches .*nothing"):
        plan_ingest("pixels", source(tmp_path / "nothing" / "*.csv"))


def test_a_file_that_changes_between_plan_and_copy_is_never_committed(tmp_path: Path) -> None:
    folder = landing(tmp_path / "in", x_csv="1")
    files, key = plan_ingest("pixels", source(folder / "*.csv"))
    landing(folder, x_csv="123")
    lake = Lake(tmp_path / "lake")
    with pytest.raises(LakeError, match=r"x\.csv"):
        ingest(lake, "pixels", files, key)
    assert lake.table("raw", "pixels").versions() == []
