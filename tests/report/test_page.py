from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from laketrain.errors import DataError, GateError, LaketrainError
from laketrain.lake import Lake
from laketrain.report.format import count
from laketrain.report.page import SECTIONS, render
from laketrain.stages import RunRecord
from laketrain.workload import Workload

from .lakes import MISTAKES, REJECTED, ROWS_IN, SPLITS, Built, build, commit, rejects, workload
from .parsed_page import Page

HOSTILE = "<script>alert(1)</script>"

OF_LABELS = [section.key for section in SECTIONS if section.key != "errors"]
"""The sections of a run whose target is a label. Errors are for numbers."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("calm"))


@pytest.fixture(scope="module")
def page(built: Built) -> Page:
    return read(built.lake, built.record)


def read(lake: Lake, record: RunRecord) -> Page:
    return Page(render(lake, record))


def test_a_whole_run_has_every_section(page: Page) -> None:
    assert list(page.sections) == ["head", *OF_LABELS]
    assert "could not be drawn" not in page.html


def test_the_page_loads_nothing(page: Page) -> None:
    assert page.of("script") == page.of("iframe") == page.of("object") == []
    loaded = [values[name] for _, values in page.tags for name in ("src", "srcset", "data", "action") if name in values]
    assert loaded and all(source.startswith("data:image/png;base64,") for source in loaded)
    links = [values[name] for _, values in page.tags for name in ("href", "xlink:href") if name in values]
    assert all(link.startswith(("#", "data:,")) for link in links)
    assert "http:" not in page.html and "https:" not in page.html and "@import" not in page.html
    assert not [name for _, values in page.tags for name in values if name.startswith("on")]
    [policy] = [meta["content"] for meta in page.of("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script" not in policy


def test_the_page_is_accessible_to_screen_readers(page: Page) -> None:
    assert all(image["alt"] for image in page.of("img"))
    assert all(drawing["aria-label"] for drawing in page.of("svg"))
    assert all(cell["scope"] in ("row", "col") for cell in page.of("th"))
    ids = Counter(values["id"] for _, values in page.tags if "id" in values)
    assert max(ids.values()) == 1
    targets = {values["href"][1:] for values in page.of("a")}
    assert targets == set(OF_LABELS) and targets <= set(ids)


@pytest.mark.parametrize(("section", "texts"), [
    ("head", ["Passed its gate", "75.0 %", "1,234,567 parameters", "1 min 26 s", "9 March 2026, 14:05 UTC"]),
    ("flow", ["2 files", "81 rows", "9 quarantined", "75.0 % right"]),
    ("quarantine", [f"9 rows of {ROWS_IN} that clean read (10.0 %)", "length(pixels) calm", "calm-a.csv 4",
                    "calm-b.csv 3", "reason calm", "id: calm"]),
    ("splits", ["train 60", "val 9", "test 12", "calm 0 20", "4×4×3"]),
    ("samples", ["24 of the 60 rows", "train calm"]),
    ("training", ["train 0.3333, validation 0.5000", "1,200", "ranks 2", "0123456789ab"]),
    ("ranks", ["rank 0", "node-7", "rank 1", "waits 10.0 %", "launched again once"]),
    ("comparison", ["12 rows of split test", "41.0 %", "33.0 %", "loss 0.9876, the gate asks ≤ 1.5; kept"]),
    ("confusion", ["calm 0 → calm 2 1×"]),
    ("classes", ["calm 1 50.0 % 26.0 % 75.0 % 4"]),
    ("mistakes", ["All 3 mistakes", "calm 0 → calm 2", "87.0 %", "test calm 3"]),
    ("predictions", ["81 rows scored", "calm 0 61 75.3 %", "calm 1 20 24.7 %"]),
    ("stages", ["ingest raw/pixels@1 unchanged", "train models/shapes@1 1 min 15 s"]),
    ("versions", ["clean/pixels@1 made by this run raw/pixels@1", "raw/pixels@1 found unchanged its sources"]),
    ("software", ["pyarrow", "python"]),
])
def test_sections_show_what_is_in_the_lake(page: Page, section: str, texts: list[str]) -> None:
    assert [text for text in texts if text not in page.sections[section]] == []


def test_versions_show_where_their_data_is(built: Built, page: Page) -> None:
    for outcome in built.record.outcomes:
        entry = outcome.version.entry
        for text in (outcome.version.ref, entry.data, entry.fingerprint[:12], entry.by):
            assert text in page.sections["versions"]


def test_every_sample_and_mistake_has_a_picture(page: Page) -> None:
    assert len(page.of("img")) == 24 + len(MISTAKES)
    assert [image["alt"] for image in page.of("img")[24:]] == [
        f"Of class calm {true}, predicted as calm {predicted}" for _, true, predicted in MISTAKES]


def test_values_from_data_are_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", HOSTILE)
    built = build(tmp_path, HOSTILE)
    failure = GateError("evaluate", HOSTILE, HOSTILE, HOSTILE)
    page = read(built.lake, replace(built.record, failure=failure))
    assert "<script" not in page.html.lower() and "could not be drawn" not in page.html
    assert page.of("script") == []
    escaped = {section for section, text in page.sections.items() if "<script>" in text}
    assert escaped >= {"head", "quarantine", "splits", "samples", "training", "comparison", "confusion", "classes",
                       "mistakes", "predictions", "versions", "config"}


def test_quotes_in_data_do_not_leave_their_attribute(tmp_path: Path) -> None:
    built = build(tmp_path, '" onerror="x')
    page = read(built.lake, built.record)
    assert not [name for _, values in page.tags for name in values if name.startswith("on")]
    assert any('" onerror="x' in image["alt"] for image in page.of("img"))


def test_the_config_is_the_workload_that_ran(built: Built, page: Page) -> None:
    shown = yaml.safe_load(_yaml(page))
    assert Workload.model_validate(shown) == built.record.workload
    assert shown["clean"]["pixels"]["rules"][1] == {"length": {"column": "pixels", "equals": 48}}


def test_secrets_are_never_shown(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment")
    settings = {"spark.hadoop.fs.s3a.secret.key": "hunter2!", "spark.cores": 2}
    careless = workload(built.lake.url, spark={"conf": settings},
                        variables={"api_token": "tok-123456"},
                        sources={"pixels": {"format": "csv", "path": "ftp://me:pass-word@host/x?sig=abcdef",
                                            "schema": {"id": "string"}}})
    failure = LaketrainError("ingest", "s3://bucket", "hunter2! was refused at ftp://me:pass-word@host, tok-123456")
    page = read(built.lake, replace(built.record, workload=careless, failure=failure))
    for secret in ("of-the-environment", "hunter2!", "tok-123456", "pass-word", "abcdef"):
        assert secret not in page.html
    assert "(hidden) was refused" in page.sections["head"] and "spark.cores: 2" in page.sections["config"]


def test_a_short_secret_is_hidden_in_the_config(built: Built) -> None:
    page = read(built.lake, replace(built.record, workload=workload(built.lake.url, variables={"password": "in"})))
    assert yaml.safe_load(_yaml(page))["variables"] == {"password": "(hidden)"}


def test_a_failed_clean_shows_its_error_and_its_quarantine(built: Built, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    raw = commit(lake, "raw/pixels", "ingest", [], {"a.csv": b"x"}, counts={"files": 1, "bytes": 1})
    by = [{"rule": rule, "file": file, "rows": rows} for rule, file, rows in REJECTED]
    commit(lake, "quarantine/pixels", "clean", [raw], {"part-0.parquet": rejects(by, "odd")},
           counts={"quarantined": 9, "by": by})
    failure = DataError("clean", "table 'pixels'", "9 of 10 rows were rejected", "look at quarantine/pixels@1")
    outcomes = (replace(built.record.outcomes[0], version=raw, skipped=False),)
    page = read(lake, replace(built.record, workload=workload(lake.url), outcomes=outcomes, failure=failure))
    assert "Failed in clean" in page.sections["head"] and str(failure) in page.sections["head"]
    assert list(page.sections) == ["head", "flow", "quarantine", "stages", "versions", "software", "config"]
    assert "9 rows refused by clean" in page.sections["quarantine"] and "reason odd" in page.sections["quarantine"]


def test_the_quarantine_of_an_earlier_run_is_not_shown(built: Built) -> None:
    record = replace(built.record, outcomes=(), failure=DataError("clean", "x", "y"),
                     began=built.version("predict").created)
    assert "quarantine" not in read(built.lake, record).sections


def test_a_run_that_failed_at_once_still_has_a_page(tmp_path: Path, built: Built) -> None:
    record = replace(built.record, outcomes=(), failure=LaketrainError("ingest", "source 'pixels'", "no file matches"))
    page = read(Lake(tmp_path / "nothing"), record)
    assert list(page.sections) == ["head", "software", "config"]
    assert "no file matches" in page.sections["head"]


def test_a_model_below_its_gate_is_shown_with_the_bound(built: Built) -> None:
    strict = workload(built.lake.url, evaluate={"gate": {"accuracy": ">= 0.9"}})
    failure = GateError("evaluate", "models/shapes@1 on test", "accuracy is 0.7500, expected >= 0.9")
    page = read(built.lake, replace(built.upto("evaluate", failure), workload=strict))
    assert "Below its gate" in page.sections["head"] and "predictions" not in page.sections
    assert "accuracy 0.7500, the gate asks ≥ 0.9; broken" in page.sections["comparison"]
    assert "the gate, 90.0 %" in page.sections["comparison"]


def test_a_run_of_one_stage_shows_the_ancestors_of_its_version(built: Built) -> None:
    outcomes = tuple(outcome for outcome in built.record.outcomes if outcome.stage == "evaluate")
    alone = replace(built.record, outcomes=outcomes)
    page = read(built.lake, alone)
    assert "training" not in page.sections and "mistakes" in page.sections
    assert "9 quarantined" in page.sections["flow"] and "raw/pixels@1" in page.sections["versions"]


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_any_number_of_epochs_is_drawn(tmp_path: Path, epochs: int) -> None:
    built = build(tmp_path, epochs=epochs)
    page = read(built.lake, built.upto("train"))
    assert len([svg for svg in page.of("svg") if svg["class"] == "plot"]) == 2
    assert f"over {epochs} epoch{'' if epochs == 1 else 's'};" in page.html and "var(--accent)" in page.html


def test_many_classes_become_a_picture_and_short_tables(tmp_path: Path) -> None:
    built = build(tmp_path, classes=60)
    page = read(built.lake, built.record)
    assert "could not be drawn" not in page.html
    assert "Confusion matrix of 60 classes: 3 of 12 rows wrong" in [image["alt"] for image in page.of("img")]
    assert "The 40 of 60 classes with the lowest F1" in page.sections["classes"]
    assert "the largest and the smallest of 60 classes" in page.sections["splits"]


def test_what_another_release_did_not_record_leaves_sections_out(built: Built, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    bare = [replace(outcome, version=commit(lake, outcome.version.table, outcome.stage, [], {}))
            for outcome in built.record.outcomes]
    page = read(lake, replace(built.record, outcomes=tuple(bare)))
    assert "could not be drawn" not in page.html
    assert list(page.sections) == ["head", "flow", "profiles", "stages", "versions", "software", "config"]


def test_a_section_that_cannot_be_drawn_leaves_the_others(tmp_path: Path) -> None:
    built = build(tmp_path)
    features = built.version("convert")
    built.lake.store.delete(features.path("train/part-00000.parquet"))
    page = read(built.lake, built.record)
    assert list(page.sections) == ["head", *OF_LABELS]
    broken = {name for name, text in page.sections.items() if "could not be drawn: " in text}
    assert broken == {"splits", "samples"} and "part-00000.parquet" in page.sections["samples"]


def test_an_ancestor_that_was_deleted_is_left_out(tmp_path: Path) -> None:
    built = build(tmp_path)
    built.lake.store.delete(built.lake.table("raw", "pixels").log_path(1))
    outcomes = tuple(outcome for outcome in built.record.outcomes if outcome.stage == "predict")
    alone = replace(built.record, outcomes=outcomes)
    page = read(built.lake, alone)
    assert "could not be drawn" not in page.html
    for ref in ("clean/pixels@1", "features/shapes@1", "models/shapes@1"):
        assert f"{ref} " in page.sections["versions"]
    assert "2 files" not in page.sections["flow"]


def test_missing_numbers_become_dashes(built: Built, tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    model = commit(lake, "models/shapes", "train", [], {}, meta={"history": [{"epoch": 1, "loss": None}]})
    record = replace(built.record, outcomes=(replace(built.record.outcomes[3], version=model),))
    page = read(lake, record)
    assert "could not be drawn" not in page.html and "train –" in page.sections["training"]


def test_every_split_has_the_rows_of_its_files(page: Page) -> None:
    for split, rows in SPLITS.items():
        assert f"{split} {count(rows)}" in page.sections["splits"]


def test_reports_load_nothing_heavy() -> None:
    """A report and `laketrain show` must be quick, and work after a failure of TensorFlow itself."""
    program = ("import sys, laketrain.report.page, laketrain.report.contents, laketrain.evaluate.gate; "
               "print(*{'tensorflow', 'keras', 'horovod', 'petastorm', 'pyspark'} & set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr


def _yaml(page: Page) -> str:
    """The YAML of the config with its line breaks, which `sections` doesn't keep."""
    from html import unescape

    section = page.html[page.html.index('id="config"'):]
    return unescape(section[section.index(">", section.index("<pre")) + 1 : section.index("</pre>")])
