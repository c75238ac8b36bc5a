from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "get-started" / "first-workload.md"


@pytest.fixture
def trips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the files of the first workload: `trips.yaml`, and `landing/` from the page's script."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    script, *_ = (text for language, text in blocks if language == "python")
    [workload] = (text for language, text in blocks if language == "yaml")
    exec(compile(script, "make_trips.py", "exec"), {"__name__": "__main__"})
    (tmp_path / "trips.yaml").write_text(workload, "utf-8")
    return tmp_path
