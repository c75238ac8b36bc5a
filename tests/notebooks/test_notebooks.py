"""Every notebook runs from its first cell to its last on a lake of its own, and shows what it promises."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from laketrain.lake import Lake
from laketrain.samples.mnist import land

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
DIGITS = 600
QUICK = ("train.epochs=1", "train.model.filters=4", "train.model.dense=16", "train.augment=null",
         "evaluate.gate.accuracy='>=0.0'")
SOURCES = {"pixels": "pixels/*.csv", "captures": "captures/*.parquet", "unlabelled": "unlabelled/*.csv"}


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs_and_defines_nothing(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
            assert not any(line.startswith(("def ", "class ", "async def ")) for line in cell.source.splitlines())


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbclient import NotebookClient

    monkeypatch.setenv("LAKETRAIN_NOTEBOOK_LAKE", str(tmp_path / "lake"))
    landing = land(tmp_path / "landing", digits=DIGITS).directory
    paths = [f"sources.{name}.path={landing}/{pattern}" for name, pattern in SOURCES.items()]
    monkeypatch.setenv("LAKETRAIN_NOTEBOOK_SETS", " ".join([*QUICK, *paths]))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()

    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    kinds = {kind for cell in code for output in cell.outputs for kind in output.get("data", {})}
    assert {"image/png", "text/html", "text/plain"} <= kinds  # figures, tables, values
    assert not any("Traceback" in output.get("text", "") for cell in code for output in cell.outputs)
    lake = Lake(tmp_path / "lake")
    assert lake.table("models", "mnist").versions() == [1]
    assert lake.table("predictions", "unlabelled").versions() == [1]
