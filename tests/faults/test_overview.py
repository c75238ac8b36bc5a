"""docs/explanation/faults.md names the test that shows each fault, and each of those tests exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "explanation" / "faults.md").read_text("utf-8"))


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_each_test_that_the_page_names_exists(file: str) -> None:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert {name for named, name in NAMED if named == file} - there == set()


def test_each_row_names_a_test() -> None:
    rows = [line for line in (ROOT / "docs" / "explanation" / "faults.md").read_text("utf-8").splitlines()
            if line.startswith("|") and not line.startswith(("|---", "| fault", "| case"))]
    assert len(rows) > 30
    assert [row for row in rows if not re.search(r"`tests/[\w/]+\.py::test_\w+`", row)] == []


def test_each_file_of_this_folder_is_named() -> None:
    own = {path.name for path in Path(__file__).parent.glob("test_*.py")} - {Path(__file__).name}
    assert own <= {Path(file).name for file, _ in NAMED}
