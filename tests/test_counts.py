"""The landed files determine the rows in clean, in quarantine, in the joined table and in each split. They are computed
here by the csv module, pandas and hashlib, and equal those in the lake."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from laketrain.feed.dataset import Dataset
from laketrain.lake import Version
from laketrain.samples.mnist import truth

from .road import DIGITS, Road
from .samples.test_mnist import csv_rows, read_captures, read_pixels
from .tables import rows_of

pytestmark = pytest.mark.slow

TABLES = ("pixels", "captures", "unlabelled")
SPLITS = {"train": 0.8, "val": 0.1, "test": 0.1}


class ByHand:
    """The expected rows, computed from the landed files without the code under test."""

    def __init__(self, road: Road) -> None:
        self._landing = road.landing

    @cached_property
    def pixels(self) -> dict[str, str]:
        return read_pixels(self._landing.pixels)[2]

    @cached_property
    def unlabelled(self) -> dict[str, str]:
        return read_pixels(self._landing.unlabelled)[2]

    @cached_property
    def captures(self) -> pd.DataFrame:
        return read_captures(self._landing.captures)[2].set_index("digit_id")

    @cached_property
    def joined(self) -> set[str]:
        return set(self.pixels) & set(self.captures.index)

    def split(self, key: str) -> str:
        share = int(hashlib.md5(f"0:split:{key}".encode()).hexdigest()[:8], 16) / 2**32
        return "train" if share < 0.8 else "val" if share < 0.9 else "test"

    def reasons(self, table: str) -> dict[str, int]:
        read = {"pixels": read_pixels, "captures": read_captures, "unlabelled": read_pixels}[table]
        return dict(read(getattr(self._landing, table))[1])


@pytest.fixture(scope="module")
def by_hand(road: Road) -> ByHand:
    return ByHand(road)


def latest(road: Road, zone: str, name: str) -> Version:
    version = road.lake.table(zone, name).latest()
    assert version is not None
    return version


def by_rule(rows: list[dict[str, Any]]) -> dict[str, int]:
    """As the landing names them: `unique(digit_id)` is `unique:digit_id`."""
    return dict(Counter(row["rule"].replace("(", ":").rstrip(")") for row in rows))


@pytest.mark.parametrize("table", TABLES)
def test_clean_and_quarantine_have_the_counts_of_the_landing(road: Road, by_hand: ByHand, table: str):
    version, expected = latest(road, "clean", table), getattr(road.landing.expected, table)
    refused = rows_of(latest(road, "quarantine", table))
    assert (len(rows_of(version)), by_rule(refused)) == (expected.good, expected.quarantined)
    assert by_rule(refused) == by_hand.reasons(table)
    assert version.entry.counts["in"] == expected.landed == expected.good + len(refused)
    assert version.entry.counts["out"] == expected.good
    assert sum(version.entry.counts["reasons"].values()) == len(refused)


@pytest.mark.parametrize("table", ["pixels", "unlabelled"])
def test_the_clean_pixels_are_those_of_the_files(road: Road, by_hand: ByHand, table: str):
    actual = {row["digit_id"]: row["pixels"] for row in rows_of(latest(road, "clean", table))}
    assert actual == {key: [int(value) for value in text.split(" ")] for key, text in getattr(by_hand, table).items()}


def test_the_clean_captures_are_the_latest_with_corrected_spellings(road: Road, by_hand: ByHand):
    actual = pd.DataFrame(rows_of(latest(road, "clean", "captures"))).set_index("digit_id")
    expected = by_hand.captures.loc[actual.index]
    assert len(actual) == len(by_hand.captures)
    assert (actual["label"] == expected["label"]).all()
    assert (actual["scanner"] == expected["scanner"]).all()
    assert (pd.to_datetime(actual["captured_at"], utc=True) == expected["when"]).all()


def test_every_rejected_record_is_in_the_file_that_it_names(road: Road):
    for row in rows_of(latest(road, "quarantine", "pixels")):
        lines = (road.landing.pixels / row["file"]).read_text().splitlines()
        if row["rule"] == "readable":
            assert row["record"] in lines
        else:
            record = json.loads(row["record"])
            assert f"{record.get('digit_id', '')},{record.get('pixels', '')}" in lines


def test_the_join_has_the_rows_of_both_sides_and_the_others_are_quarantined(road: Road, by_hand: ByHand):
    version, expected = latest(road, "integrated", "digits"), road.landing.expected
    actual = {row["digit_id"]: row for row in rows_of(version)}
    assert set(actual) == by_hand.joined
    assert len(rows_of(version)) == len(actual) == expected.matched
    true = truth(road.landing.seed, DIGITS)
    assert {key: row["label"] for key, row in actual.items()} == {key: true[key] for key in actual}
    alone = Counter((row["file"], row["rule"]) for row in rows_of(latest(road, "quarantine", "digits-joins")))
    assert alone == {("clean/pixels", "join(captures)"): expected.unmatched_left,
                     ("clean/captures", "join(captures)"): expected.unmatched_right}


def test_each_split_has_exactly_the_rows_of_its_hashes(road: Road, by_hand: ByHand):
    dataset = Dataset(latest(road, "features", "mnist"))
    expected: dict[str, set[str]] = {split: set() for split in SPLITS}
    for key in by_hand.joined:
        expected[by_hand.split(key)].add(key)
    actual = {}
    for split, rows in dataset.splits.items():
        with dataset.reader(split, ["digit_id"]) as reader:
            keys = list(reader.read(np.arange(rows))["digit_id"])
        assert len(set(keys)) == len(keys) == rows
        actual[split] = set(keys)
    assert actual == expected
    counts = dataset.version.entry.counts
    assert counts["in"] == counts["out"] + counts["quarantined"] == len(by_hand.joined)
    assert (counts["splits"], counts["quarantined"]) == ({split: len(keys) for split, keys in expected.items()}, 0)


def test_no_row_is_lost_between_the_landing_and_the_splits(road: Road):
    """The whole sum at once: landed = in the splits + in some quarantine, for each side of the join."""
    held = {zone: {name: rows_of(latest(road, zone, name)) for name in names} for zone, names in (
        ("quarantine", ("pixels", "captures", "digits-joins", "mnist-features")), ("integrated", ("digits",)))}
    alone = Counter(row["file"] for row in held["quarantine"]["digits-joins"])
    splits = sum(latest(road, "features", "mnist").entry.counts["splits"].values())
    for table, rows in (("pixels", sum(1 for _ in csv_rows(road.landing.pixels))),
                        ("captures", sum(len(pd.read_parquet(path)) for path in parquet_of(road.landing.captures)))):
        refused = len(held["quarantine"][table]) + alone[f"clean/{table}"] + len(held["quarantine"]["mnist-features"])
        assert rows == splits + refused


def parquet_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet"))
