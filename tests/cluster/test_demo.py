"""How `make cluster-demo` compares two lakes; the demo itself takes minutes and is for people."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cluster import demo
from laketrain.lake import DataFile, Lake

ROWS = [{"digit_id": "a", "class": 3, "probability": 0.5}, {"digit_id": "b", "class": 1, "probability": 0.9}]


def lake(folder: Path, rows: list[dict[str, Any]], weights: str = "1f") -> Lake:
    result = Lake(folder)
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), content)
    with result.table("predictions", "unlabelled").stage() as draft:
        result.store.write(draft.path("part.parquet"), content.getvalue())
        draft.commit(files=[DataFile(path="part.parquet", bytes=len(content.getvalue()), rows=len(rows))])
    with result.table("models", "mnist").stage() as draft:
        result.store.write(draft.path("model.keras"), b"weights")
        draft.commit(meta={"weights": weights, "ranks": [{"where": "first"}, {"where": "second"}]})
    return result


@pytest.mark.parametrize(("rows", "differing"), [
    (ROWS, 0),
    (ROWS[::-1], 0),
    ([ROWS[0], {**ROWS[1], "probability": 0.9 + 1e-7}], 0),
    ([ROWS[0], {**ROWS[1], "probability": 0.9 + 1e-5}], 1),
    ([ROWS[0], {**ROWS[1], "class": 2}], 1),
    (ROWS[:1], 1),
    ([*ROWS, {**ROWS[0], "digit_id": "c"}], 1),
])
def test_rows_that_differ_by_more_than_rounding_or_are_missing_are_counted(
        tmp_path: Path, rows: list[dict[str, Any]], differing: int) -> None:
    local, remote = lake(tmp_path / "local", ROWS), lake(tmp_path / "remote", rows)
    assert demo._compared(local, remote) == (True, differing)


def test_other_weights_are_reported(tmp_path: Path) -> None:
    local, remote = lake(tmp_path / "local", ROWS), lake(tmp_path / "remote", ROWS, weights="2e")
    assert demo._compared(local, remote) == (False, 0)


def test_the_landing_zone_is_named_by_whole_paths() -> None:
    words = list(demo._sources())
    assert words[::2] == ["--set"] * 3
    assert all(word.partition("=")[2].startswith(f"{demo.ROOT}/build/landing/") for word in words[1::2])


def test_a_checkout_whose_path_has_a_space_is_refused_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "ROOT", Path("/home/me/my checkout"))
    with pytest.raises(SystemExit, match="not from /home/me/my checkout, clone to another folder"):
        demo.walk({})


def test_a_lake_without_a_model_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="has no models/mnist: make demo"):
        demo._compared(Lake(tmp_path), Lake(tmp_path))
