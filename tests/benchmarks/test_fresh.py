"""A side's own process: its results, its folder, and the error if it died."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import pytest
from benchmarks.fresh import fresh


def test_calls_run_one_after_the_other_in_one_other_process(tmp_path):
    with fresh(tmp_path, "ours") as ours:
        first, second = ours(os.getpid), ours(os.getpid)
        assert ours(math.hypot, 3, 4) == 5
    assert first == second != os.getpid()


def test_an_error_is_raised_unchanged(tmp_path):
    with fresh(tmp_path, "ours") as ours, pytest.raises(ValueError, match="math domain error"):
        ours(math.sqrt, -1)


def test_a_process_that_died_is_reported_with_its_last_lines(tmp_path, capfd):
    with fresh(tmp_path, "theirs") as theirs:
        theirs(os.write, 2, b"the last words\n")
        with pytest.raises(RuntimeError, match=r"the process of theirs died\. Its last lines:\nthe last words"):
            theirs(os._exit, 3)
    assert "the last words" not in capfd.readouterr().err


def test_temporary_files_of_a_process_are_in_its_folder(tmp_path):
    with fresh(tmp_path, "ours") as ours:
        assert Path(ours(tempfile.mkdtemp)).parent == tmp_path
