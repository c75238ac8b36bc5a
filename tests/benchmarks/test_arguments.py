"""The arguments of a benchmark: names and numbers, and how the title shows them."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import NAMES, growth, memory, read, read_jpeg
from benchmarks.__main__ import ROOT, _parser
from benchmarks.data import JPEGS, NOISE, Kind
from benchmarks.options import Options
from benchmarks.read import BATCH, window_mb
from hypothesis import given
from hypothesis import strategies as st

from laketrain.feed.lanes import LanePlan


def options(**changes) -> Options:
    return Options(**{"folder": Path("nowhere"), "pairs": 3, "cores": 2, "rows": None, "report": print, **changes})


def test_without_a_name_all_benchmarks_run_with_their_default_sizes():
    assert vars(_parser().parse_args([])) == {"name": None, "rows": None, "pairs": 3, "cores": 2}


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_accepted_with_its_numbers(name):
    arguments = _parser().parse_args([name, "--rows", "600", "--pairs", "1", "--cores", "4"])
    assert vars(arguments) == {"name": name, "rows": 600, "pairs": 1, "cores": 4}


def test_an_unknown_name_exits_with_2_and_lists_the_known_names():
    result = subprocess.run([sys.executable, "-m", "benchmarks", "speed"], cwd=ROOT, text=True, capture_output=True,
                            check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert "'speed'" in result.stderr
    assert all(repr(name) in result.stderr for name in NAMES)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("option", ["--rows", "--pairs", "--cores"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "", "²"])
def test_an_invalid_number_is_refused_with_the_received_value(option, value, capsys):
    with pytest.raises(SystemExit) as refused:
        _parser().parse_args(["convert", option, value])
    assert refused.value.code == 2
    assert f"argument {option}: got {value!r}, expected a whole number from 1" in capsys.readouterr().err


def test_the_title_has_the_rows_cores_and_rounds():
    assert options().title(50_000) == "50,000 images of 32×32×3 random bytes, 2 cores, 3 rounds"
    assert options().title(9, "JPEGs") == "9 JPEGs, 2 cores, 3 rounds"
    assert options(cores=4, pairs=5).title() == "4 cores, 5 rounds"


@pytest.mark.parametrize(("kind", "most"), [(NOISE, read.SMALL.window_mb), (JPEGS, read_jpeg.SHUFFLE.window_mb)])
@given(rows=st.integers(2 * BATCH, 100_000))
def test_the_window_of_read_is_smaller_than_the_data(kind: Kind, most: float, rows: int):
    plan = LanePlan.of(rows, BATCH, row_bytes=math.prod(kind.shape) + 8,
                       window_bytes=int(window_mb(rows, kind.shape, most) * (1 << 20)))
    assert plan.window_count > 1


@pytest.mark.parametrize(("kind", "rows", "most"), [
    (NOISE, read.ROWS, read.SMALL.window_mb), (JPEGS, read_jpeg.ROWS, read_jpeg.SHUFFLE.window_mb),
    (NOISE, memory.ROWS, memory.WINDOW_MB),
    (NOISE, growth.ROWS["epoch"], growth.WINDOW_MB)])
def test_the_window_is_the_requested_one_if_there_are_enough_data(kind: Kind, rows: int, most: float):
    assert window_mb(rows, kind.shape, most) == window_mb(10 * rows, kind.shape, most) == most
