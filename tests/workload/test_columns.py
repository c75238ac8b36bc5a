"""The columns of each table, as far as the config determines them."""

from __future__ import annotations

from pathlib import Path

from laketrain.workload import Workload
from laketrain.workload.columns import Columns

COLUMNS = Columns(Workload.load(Path(__file__).with_name("digits.yaml")))


def test_a_clean_table_has_the_types_of_its_rules() -> None:
    assert COLUMNS.clean("pixels") == {"digit_id": "string", "pixels": "array<int>"}
    assert COLUMNS.clean("captures") == {
        "digit_id": "string", "label": "int", "scanner": "string", "captured_at": "timestamp"}


def test_an_integrated_table_has_the_columns_of_its_last_step() -> None:
    assert list(COLUMNS.table("digits") or ()) == ["digit_id", "pixels", "label", "scanner", "captured_at"]


def test_an_unknown_table_has_unknown_columns() -> None:
    assert COLUMNS.table("digit") is None


def test_each_step_has_the_columns_before_it() -> None:
    [(join, before), (sql, between)] = COLUMNS.steps("digits")
    assert (join.step, sql.step) == ("join", "sql")
    assert before.columns == COLUMNS.clean("pixels")
    assert set(between.columns or ()) == {"digit_id", "pixels", "label", "scanner", "captured_at"}
