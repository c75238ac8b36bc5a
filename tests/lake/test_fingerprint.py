from pathlib import Path

import pytest

from laketrain.config.convert import Split
from laketrain.lake import Lake, Version, fingerprint


def committed(folder: Path, name: str) -> Version:
    lake = Lake(folder)
    with lake.table("raw", name).stage() as draft:
        lake.store.write(draft.path("a.csv"), b"1")
        return draft.commit()


def test_the_order_of_keys_and_of_inputs_does_not_matter(tmp_path: Path) -> None:
    a, b = committed(tmp_path, "a"), committed(tmp_path, "b")
    assert fingerprint("clean", 1, {"x": 1, "y": 2}, [a, b]) == fingerprint("clean", 1, {"y": 2, "x": 1}, [b, a])


def test_stage_revision_settings_and_inputs_all_matter(tmp_path: Path) -> None:
    first = committed(tmp_path, "a")
    second = committed(tmp_path, "a")
    split = Split(by="id", fractions={"train": 0.5, "test": 0.5})
    prints = {
        fingerprint("clean", 1, split, [first]),
        fingerprint("integrate", 1, split, [first]),
        fingerprint("clean", 2, split, [first]),
        fingerprint("clean", 1, split.model_copy(update={"seed": 1}), [first]),
        fingerprint("clean", 1, split, [second]),
        fingerprint("clean", 1, split, []),
    }
    assert len(prints) == 6


def test_a_value_that_is_not_json_is_refused_instead_of_hashed_by_its_address() -> None:
    with pytest.raises(TypeError, match="received object"):
        fingerprint("clean", 1, {"x": object()})
