from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.lake import Lake, Version


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def model(lake: Lake, tmp_path: Path) -> Version:
    (tmp_path / "model.keras").write_bytes(b"a model")
    with lake.table("models", "tiny").stage() as draft:
        lake.store.put(str(tmp_path / "model.keras"), draft.path("model.keras"))
        return draft.commit(stage="train", fingerprint="m")
