"""Doubles of wide CSV files: Spark parses them only if the rows are the same."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.clean.reading.csv import doubles
from laketrain.clean.reading.ranges import Range

from .test_reader import read

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NUMBERS = st.one_of(
    st.floats().map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.18e}".format),
    st.floats(allow_nan=False, allow_infinity=False, max_value=1e99, min_value=-1e99).map("{:f}".format),
    st.builds("{}{}e{}{}".format, st.sampled_from(["", "-", "+"]), st.integers(0, 10**30),
              st.sampled_from(["", "+", "-"]), st.integers(0, 999)),
    st.integers(0, 10**320).map(str),
    st.sampled_from(["inf", "-Inf", "nan", "NaN", "1.e999", "9E999", "1e+999"]))
LABELS = ("1d", "2F", "-1.d", ".5f", "+1e5D", "0x1p3", "0X.8P-1")
WORDS = st.sampled_from(["information", "banana", "finance", "pear", "e", "", "1e", "e400", "4e4",
                         "-1.5E-30", "1dx", "a1d", "0x1f", "fd", "9f86d081884c7d659a2f"])


@given(st.lists(st.one_of(NUMBERS, WORDS, st.sampled_from(LABELS)), max_size=8), st.sampled_from(",;\t"),
       st.integers(0, 40))
def test_no_number_beyond_a_double_and_no_label_is_overlooked(texts: list[str], separator: str, before: int) -> None:
    fine = doubles.plain_doubles(("x" * before + "\n" + separator.join(texts) + "\n").encode())
    special = [text for text in texts if text.lower().lstrip("+-") in ("inf", "nan")]
    large = [text for text in texts if re.fullmatch(r"[-+\d.e]+", text, re.I) and text not in ("e", "e400", "1e")
             and math.isinf(float(text))]
    assert not (fine and (special or large or set(LABELS) & set(texts)))


@given(st.lists(st.one_of(WORDS, st.floats(-1e99, 1e99).map(repr), st.integers(0, 10**30).map(str))))
def test_everyday_numbers_and_words_are_accepted(texts: list[str]) -> None:
    assert doubles.plain_doubles("\n".join(texts).encode())


@given(st.integers(0, 300), st.integers(1, 60), st.sampled_from([b"1e400", b"1.5E+400", b"inf", b"7" * 120,
                                                                           b"1d", b"0." + b"7" * 50 + b"f"]))
def test_an_unusual_number_is_detected_wherever_blocks_and_ranges_are_cut(offset: int, size: int, odd: bytes) -> None:
    data = b"1.5," * (offset // 4) + b"x" * (offset % 4) + b"," + odd + b"\n" + b"2.5\n" * 40
    ranges = [Range("a", "a", start, min(start + size, len(data)), False) for start in range(0, len(data), size)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubles, "BLOCK", 16)
        seen = [not all(map(doubles.plain_doubles, doubles._blocks(io.BytesIO(data), part))) for part in ranges]
    assert any(seen)


@pytest.mark.slow
def test_a_wide_file_has_the_rows_of_a_narrow_one(spark: SparkSession, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    from laketrain.clean.reading.csv import reader

    names = [f"x.{number}" for number in range(9)]
    lines = {"odd": ["1e400", "inf", "-Infinity", "nan", "x", "1.5", "2D", "9" * 310, "2e-400"],
             "fine": ["1.5", "-0.1", "1e22", "4.9e-324", " 7 ", "", "2.", ".5", "x"]}
    files = {f"{form}.csv": "id," + ",".join(names) + "\n" + "".join(
        f"{number}," + ",".join([value if index == number % 9 else "0.25" for index in range(9)]) + "\n"
        for number, value in enumerate(values)) for form, values in lines.items()}
    schema = {"id": "int", **dict.fromkeys(names, "double")}
    result = {}
    for form, many in (("wide", 8), ("narrow", 99)):
        monkeypatch.setattr(reader, "_MANY_DOUBLES", many)
        result[form] = {(row["file"], row["id"]): row for row in read(spark, tmp_path / form, files, schema)}
    for (file, number), row in result["wide"].items():
        text = lines[file.removesuffix(".csv")][number]
        other = result["narrow"][file, number]
        assert (row["why"] is None) is (other["why"] is None) is (text not in ("1e400", "x", "2D", "9" * 310))
        if row["why"] is None:
            assert row[f"x.{number}"] == pytest.approx(float(text), rel=0, abs=0, nan_ok=True) if text else (
                row[f"x.{number}"] is None)
    assert result["wide"]["odd.csv", 6]["why"] == "has a letter that isn't part of a number in 'x.6'"
    assert "a number beyond double in 'x.0'" in result["wide"]["odd.csv", 0]["why"]
    assert len(result["wide"]) == 18
