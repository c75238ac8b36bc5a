from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv
from tests.datasets import commit_dataset

from laketrain.lake import Lake, Version
from laketrain.workload import Workload

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


@pytest.fixture
def dataset(trips: Path) -> Version:
    """`features/trips@1` in the lake of that folder, made without Spark from the rows without nulls."""
    features = Workload.load(trips / "trips.yaml").features
    assert features is not None
    options = csv.ConvertOptions(null_values=["n/a"], column_types={"trips": pa.float64()})
    table = csv.read_csv(trips / "landing" / "trips.csv", convert_options=options)
    [rows] = table.drop_null().combine_chunks().to_batches()
    return commit_dataset(Lake("lake"), "trips", features, {"train": rows.slice(0, 1000), "val": rows.slice(1000)},
                          rows_per_group=400)
