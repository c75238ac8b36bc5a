"""Cores, memory and the lake are checked."""

from __future__ import annotations

from laketrain.doctor import machine


def test_more_ranks_than_cores_is_a_warning():
    check = machine.cores(100_000)
    assert check.ok is None
    assert "for 100000 ranks" in check.result


def test_a_lake_that_does_not_exist_is_not_made(tmp_path):
    check = machine.lake(str(tmp_path / "new" / "lake"))
    assert check.ok is True
    assert "can be made" in check.result
    assert not (tmp_path / "new").exists()
