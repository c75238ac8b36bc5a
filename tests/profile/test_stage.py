"""A table's profile equals what pandas computes of the same rows, whatever the table's types, size and cut."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from laketrain.errors import LakeError
from laketrain.lake import Lake
from laketrain.profile.model import QUANTILES, TableProfile, load_profile
from laketrain.profile.store import find_profile, profiles_of

from ..tables import commit_table
from .profiling import in_executors, profile_of, profiled

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

COLUMNS = ("id string, label string, small int, amount double, price decimal(9,2), flag boolean, at timestamp, "
           "day date, text string, photo binary, vec array<double>, deep array<array<int>>, inner struct<a: int>, "
           "pairs map<string, int>, nothing double")
ROWS = 300
UTC = dt.timezone.utc


def png(width: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, 4)).save(content, "PNG")
    return content.getvalue()


def table(rows: int = ROWS, seed: int = 0) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    return [{
        "id": f"id-{row}", "label": ("cat", "dog", "owl")[row % 7 % 3], "small": int(random.integers(-5, 60)),
        "amount": None if row % 10 == 3 else float("nan") if row % 50 == 1 else float(random.normal(100, 20)),
        "price": Decimal(int(random.integers(0, 10**6))) / 100, "flag": bool(row % 3),
        "at": dt.datetime(2026, 3, 1, tzinfo=UTC) + dt.timedelta(minutes=37 * row),
        "day": dt.date(2026, 3, 1) + dt.timedelta(days=row % 11),
        "text": " ".join(["word"] * (row % 6)), "photo": png(3 + row % 2) if row % 9 else b"no image",
        "vec": [float(row), -1.0, *([2.5] * (row % 3))], "deep": [[1], [2, 3]], "inner": {"a": row},
        "pairs": [("a", 1)], "nothing": None} for row in range(rows)]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    return table()


@pytest.fixture(scope="module")
def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def profile(spark: SparkSession, rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> TableProfile:
    return profile_of(spark, Lake(tmp_path_factory.mktemp("lake")), rows, COLUMNS)


def counts(values: Sequence[Any]) -> dict[str, int]:
    return {value.value: value.rows for value in values}


def test_rows_nulls_and_distinct_values_are_pandas(profile: TableProfile, frame: pd.DataFrame) -> None:
    plain = ["id", "label", "small", "flag", "at", "day", "text", "photo"]
    for name in plain:
        column = profile.column(name)
        assert (column.rows, column.nulls, column.distinct, column.distinct_exact) == (
            ROWS, frame[name].isna().sum(), frame[name].nunique(), True), name
    amount = profile.column("amount")
    assert (amount.nulls, amount.numbers.nan) == (30, 6)  # pandas knows no difference
    assert [profile.column(name).nulls for name in ("deep", "inner", "pairs", "nothing")] == [0, 0, 0, ROWS]


@pytest.mark.parametrize("name", ["small", "amount", "price"])
def test_numbers_are_pandas(profile: TableProfile, frame: pd.DataFrame, name: str) -> None:
    numbers, values = profile.column(name).numbers, frame[name].astype(float).dropna()
    assert numbers is not None
    assert (numbers.count, numbers.least, numbers.most) == (len(values), values.min(), values.max())
    assert (numbers.mean, numbers.std) == pytest.approx((values.mean(), values.std(ddof=0)), rel=1e-12)
    assert list(numbers.quantiles.values()) == pytest.approx(values.quantile(QUANTILES).tolist(), rel=1e-12)
    assert (numbers.zeros, numbers.negative) == ((values == 0).sum(), (values < 0).sum())
    assert numbers.histogram is not None
    assert numbers.histogram.counts == np.histogram(values, numbers.histogram.edges)[0].tolist()


def test_values_and_class_balance_are_pandas(profile: TableProfile, frame: pd.DataFrame) -> None:
    for name in ("label", "small"):
        column, expected = profile.column(name), frame[name].value_counts()
        assert column.complete
        assert counts(column.values) == {str(value): rows for value, rows in expected.items()}
        assert [value.rows for value in column.values] == sorted(expected, reverse=True)
    label = frame["label"].value_counts()
    assert profile.column("label").imbalance == label.max() / label.min()
    assert counts(profile.column("flag").values) == {"true": 200, "false": 100}
    assert (profile.column("id").values, profile.column("id").complete) == ([], False)  # none comes twice


def test_texts_are_measured_in_characters_and_words(profile: TableProfile, frame: pd.DataFrame) -> None:
    column, lengths = profile.column("text"), frame["text"].str.len()
    assert column.lengths is not None and column.words is not None
    assert (column.lengths.least, column.lengths.most, column.lengths.mean) == (0, lengths.max(), lengths.mean())
    assert column.words.mean == pytest.approx(frame["text"].str.split().str.len().mean())
    assert (column.empty, column.looks_numeric) == ((frame["text"] == "").sum(), 0)


def test_times_are_seconds_and_their_values_dates(profile: TableProfile, frame: pd.DataFrame) -> None:
    at, day = profile.column("at"), profile.column("day")
    assert at.numbers is not None and day.numbers is not None and day.numbers.histogram is not None
    assert (at.numbers.least, at.numbers.most) == (frame["at"].min().timestamp(), frame["at"].max().timestamp())
    assert counts(day.values)["2026-03-01"] == (frame["day"] == dt.date(2026, 3, 1)).sum()
    assert len(day.numbers.histogram.counts) == 11  # a bar a day


def test_images_and_bytes_and_arrays_are_measured(profile: TableProfile, frame: pd.DataFrame) -> None:
    photo, vec, deep = (profile.column(name) for name in ("photo", "vec", "deep"))
    assert photo.lengths is not None and photo.images is not None and vec.lengths is not None
    assert photo.lengths.most == frame["photo"].str.len().max()
    unreadable = (frame["photo"] == b"no image").sum()
    assert (photo.images.readable, photo.images.unreadable) == (ROWS - unreadable, unreadable)
    assert set(counts(photo.images.sizes)) == {"3 × 4", "4 × 4"}
    assert vec.elements is not None and (vec.elements.least, vec.elements.most) == (-1.0, ROWS - 1)
    assert vec.lengths.mean == frame["vec"].str.len().mean()
    assert deep.lengths is not None and (deep.lengths.most, deep.elements) == (2, None)


def test_correlations_are_pandas_over_the_rows_that_have_both(profile: TableProfile, frame: pd.DataFrame) -> None:
    correlations = profile.correlations
    assert correlations is not None and correlations.columns == ["small", "amount", "price"]
    expected = frame[correlations.columns].astype(float).corr().to_numpy()
    assert np.array(correlations.r) == pytest.approx(expected, abs=1e-5)
    assert correlations.left_out == {"nothing": "does not vary"}


def test_how_the_rows_are_cut_and_where_they_are_looked_at_changes_nothing(
    spark: SparkSession, tmp_path: Path, profile: TableProfile, rows: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shuffled = [rows[row] for row in np.random.default_rng(1).permutation(ROWS)]
    in_executors(monkeypatch)
    apart = profile_of(spark, Lake(tmp_path), shuffled, COLUMNS, files=3)
    assert apart.model_copy(update={"bytes": 0}) == profile.model_copy(update={"bytes": 0})


def test_many_values_have_the_same_profile_however_they_are_cut(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(0)
    rows = [{"x": float(random.normal()), "y": int(random.integers(0, 10**9)),
             "s": "often" if random.random() < 0.1 else f"{random.random()}"} for _ in range(25_000)]
    before = [profile_of(spark, Lake(tmp_path / name), rows[:2000], "x double, y long, s string") for name in "ab"]
    here = profile_of(spark, Lake(tmp_path / "a"), rows, "x double, y long, s string")
    in_executors(monkeypatch, tasks=2)
    there = profile_of(spark, Lake(tmp_path / "b"), rows[::-1], "x double, y long, s string", files=5)
    assert there.model_copy(update={"bytes": 0}) == here.model_copy(update={"bytes": 0})
    assert before[0].model_copy(update={"bytes": 0}) == before[1].model_copy(update={"bytes": 0})
    frame = pd.DataFrame(rows)
    x, y, s = here.columns
    assert x.distinct == pytest.approx(25_000, rel=0.03) and not x.distinct_exact
    assert counts(s.values) == {"often": (frame["s"] == "often").sum()} and not s.complete
    assert x.numbers is not None and y.numbers is not None and x.numbers.earlier is not None
    assert (x.numbers.mean, x.numbers.std) == pytest.approx((frame["x"].mean(), frame["x"].std(ddof=0)), rel=1e-12)
    assert list(y.numbers.quantiles.values()) == pytest.approx(frame["y"].quantile(QUANTILES).tolist(), rel=0.01)
    old = before[0].column("x").numbers
    assert old is not None and old.histogram is not None
    assert x.numbers.earlier[1:-1] == np.histogram(frame["x"], old.histogram.edges)[0].tolist()
    assert here.drift is not None and [column.verdict for column in here.drift.columns] == ["none"] * 3


def test_an_empty_table_has_columns_and_a_warning_that_it_has_no_rows(spark: SparkSession, tmp_path: Path) -> None:
    result = profile_of(spark, Lake(tmp_path), [], COLUMNS)
    assert (result.rows, len(result.columns), result.correlations) == (0, 15, None)
    assert [warning.text for warning in result.warnings] == ["the table has no rows"]


def test_one_row_is_profiled(spark: SparkSession, tmp_path: Path) -> None:
    result = profile_of(spark, Lake(tmp_path), table(1), COLUMNS)
    numbers = result.column("small").numbers
    assert numbers is not None and numbers.least == numbers.most == numbers.mean == numbers.quantiles["0.99"]
    assert {column.distinct for column in result.columns} == {0, 1, None}


def test_names_and_values_may_be_anything(spark: SparkSession, tmp_path: Path) -> None:
    rows = [{"a.b": "x" * 5000, "c`d": "<script>"}, {"a.b": "\x00\u202e", "c`d": "$1 [bold]"}]
    result = profile_of(spark, Lake(tmp_path), rows, "`a.b` string, `c``d` string")
    assert [column.name for column in result.columns] == ["a.b", "c`d"]
    lengths = result.column("a.b").lengths
    assert lengths is not None and lengths.most == 5000
    assert {len(value.value) for value in result.column("a.b").values} == {120, 2}


def test_hundreds_of_columns_are_profiled(spark: SparkSession, tmp_path: Path) -> None:
    names = [f"x{number}" for number in range(300)]
    rows = [{name: float(row * number % 7) for number, name in enumerate(names)} for row in range(20)]
    result = profile_of(spark, Lake(tmp_path), rows, ", ".join(f"{name} double" for name in names))
    assert len(result.columns) == 300
    assert result.correlations is not None and len(result.correlations.columns) == 40
    assert result.correlations.left_out["x299"] == "beyond the first 40"


def test_drift_is_counted_against_the_version_before_which_the_entry_names(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake, columns = Lake(tmp_path), "x double, label string"
    old = [{"x": float(row % 50), "label": "ab"[row % 2]} for row in range(400)]
    new = [{"x": float(row % 50 + 30), "label": "ac"[row % 2]} for row in range(400)]
    first = profile_of(spark, lake, old, columns)
    version = profiled(spark, commit_table(lake, "table", new, columns))
    second = load_profile(version)
    assert first.drift is None and second.drift is not None
    assert [column.verdict for column in second.drift.columns] == ["strong", "strong"]
    assert second.drift.columns[1].new_values == ["c"] and second.drift.columns[0].shift == pytest.approx(
        30 / np.std(np.arange(50)))
    assert version.entry.parents == {"clean/table": 2} and version.entry.meta == {"against": 1}
    assert "drift" in {warning.kind for warning in second.warnings}


def test_a_profile_is_found_again_by_its_version(spark: SparkSession, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    tables = [commit_table(lake, "table", [{"x": 1}] * rows, "x int") for rows in (1, 2)]
    later, earlier = profiled(spark, tables[1]), profiled(spark, tables[0])
    assert [find_profile(one) for one in tables] == [earlier, later]
    # An earlier version that is profiled later is not compared with what came after it.
    assert (load_profile(earlier).drift, load_profile(later).drift) == (None, None)
    assert profiles_of(tables[0]).path == "profiles/clean.table"


def test_a_profile_that_cannot_be_read_is_reported_and_prevents_no_later_one(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)
    first = profiled(spark, commit_table(lake, "table", [{"x": 1}], "x int"))
    path = Path(lake.store.local(first.path("profile.json")) or "")
    path.write_text("{}")
    with pytest.raises(LakeError, match=r"has no readable profile.*--force"):
        load_profile(first)
    assert profile_of(spark, lake, [{"x": 2}], "x int").drift is None


def test_a_column_that_is_not_there_names_the_nearest(profile: TableProfile) -> None:
    with pytest.raises(LakeError, match=r"column 'labl' of clean/table@1: does not exist. .*mean 'label'\?"):
        profile.column("labl")
