"""The files and folders that CONTRIBUTING.md names exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
PATHS = sorted(set(re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?)`", TEXT)))


def test_each_file_and_folder_that_it_names_exists() -> None:
    assert "distributed/launch/rank_states.py" in PATHS
    package = ROOT / "lib" / "laketrain"
    assert [path for path in PATHS if not (ROOT / path).exists() and not any(package.glob(f"**/{path}"))] == []
