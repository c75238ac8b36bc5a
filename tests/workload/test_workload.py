"""A workload from a file, from memory and from another workload: the same checks, the same result."""

from __future__ import annotations

import builtins
import pickle
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from laketrain.errors import ConfigError
from laketrain.models.base import Model
from laketrain.workload import Workload

DIGITS = Path(__file__).with_name("digits.yaml")
MAPPING: dict[str, Any] = {
    "name": "small", "lake": "lake", "variables": {"date": "2026-11-30"},
    "sources": {"rows": {"format": "parquet", "path": "in/${date}", "schema": {"id": "string", "x": "double",
                                                                              "y": "int"}}},
    "clean": {"rows": {"rules": [{"range": {"column": "x", "min": 0}}]}},
    "convert": {"table": "rows", "features": {"x": {"kind": "number"}, "y": {"kind": "label", "classes": 3}},
                "split": {"by": "id", "fractions": {"train": 0.8, "val": 0.2}}},
    "train": {"model": {"name": "mlp", "hidden": [8]}, "optimizer": {"name": "adam", "learning_rate": 0.01}},
}


def written(mapping: dict[str, Any], folder: Path) -> Path:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(mapping, sort_keys=False), "utf-8")
    return path


@given(epochs=st.integers(1, 100), rate=st.floats(1e-5, 1.0), classes=st.integers(2, 50),
       model=st.sampled_from([{"name": "linear"}, {"name": "mlp", "hidden": [4, 2]}]), seed=st.integers(0, 9),
       sets=st.lists(st.sampled_from(["train.batch=32", "date=2026-01-01", "train.seed=3"]), unique=True))
def test_a_mapping_gives_the_workload_of_its_file(tmp_path_factory: pytest.TempPathFactory, epochs: int, rate: float,
                                                  classes: int, model: dict[str, Any], seed: int,
                                                  sets: list[str]) -> None:
    folder = tmp_path_factory.mktemp("file", numbered=True)
    train = {"model": model, "epochs": epochs, "optimizer": {"learning_rate": rate}, "seed": seed}
    features = {"x": {"kind": "number"}, "y": {"kind": "label", "classes": classes}}
    mapping = {**MAPPING, "train": train, "convert": {**MAPPING["convert"], "features": features}}
    path = written(mapping, folder)
    loaded = Workload.load(path, sets)
    assert Workload.of(yaml.safe_load(path.read_text("utf-8")), sets=sets, folder=folder) == loaded


def test_features_and_model_are_typed_where_they_stand() -> None:
    workload = Workload.load(DIGITS)
    assert workload.features is not None and workload.features["image"].shape == (28, 28, 1)
    assert workload.train is not None and isinstance(workload.train.model, Model)
    assert workload.train.model.name == "cnn"
    assert (workload.source, workload.dataset) == (str(DIGITS), "mnist")


def test_relative_paths_of_a_mapping_begin_at_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload.of(MAPPING, folder=tmp_path)
    assert workload.lake == str(tmp_path / "lake")
    assert workload.sources["rows"].file_path == str(tmp_path / "in/2026-11-30")
    monkeypatch.chdir(tmp_path)
    assert Workload.of(MAPPING) == workload
    assert Workload.of(MAPPING, lake="other").lake == str(tmp_path / "other")
    assert Workload.of(MAPPING, lake="s3://bucket/lake").lake == "s3://bucket/lake"


def test_all_problems_of_a_mapping_are_reported_at_once_under_its_name() -> None:
    wrong = {**MAPPING, "train": {**MAPPING["train"], "epoch": 3, "batch": 0}, "lak": "x"}
    with pytest.raises(ConfigError) as caught:
        Workload.of(wrong, "trial 7")
    assert caught.value.source == "trial 7"
    assert {problem.where for problem in caught.value.problems} == {"lak", "train.epoch", "train.batch"}


@pytest.mark.parametrize("mapping", [{1: "x"}, {"name": "t", "clean": {True: {}}}])
def test_keys_that_are_no_text_are_refused(mapping: Any) -> None:
    with pytest.raises(ConfigError, match="is not text"):
        Workload.of(mapping)


def test_a_mapping_that_contains_itself_is_refused() -> None:
    endless: dict[str, Any] = {"name": "t"}
    endless["clean"] = endless
    with pytest.raises(ConfigError, match="nested deeper"):
        Workload.of(endless)


def test_changes_give_a_new_workload_and_leave_the_first_as_it_is() -> None:
    first = Workload.of(MAPPING)
    before = first.model_copy(deep=True)
    changed = first.changed({"train.optimizer.learning_rate": 1e-3, "train.model.hidden": [4],
                             "convert.features.y.classes": 5, "date": "2026-01-01"})
    assert first == before
    assert changed.train is not None and changed.train.optimizer.learning_rate == 1e-3
    assert changed.train.model.declared() == {"name": "mlp", "hidden": [4]}
    assert changed.features is not None and changed.features["y"].model_dump()["classes"] == 5
    assert str(changed.sources["rows"].file_path).endswith("in/2026-01-01")
    assert changed.changed({"train.optimizer.learning_rate": 0.01, "train.model.hidden": [8],
                            "convert.features.y.classes": 3, "date": "2026-11-30"}) == first


def test_a_file_is_not_read_again_for_a_change(tmp_path: Path) -> None:
    path = written(MAPPING, tmp_path)
    workload = Workload.load(path)
    path.unlink()
    changed = workload.changed({"train.epochs": 3})
    assert changed.train is not None and changed.train.epochs == 3
    assert changed.lake == workload.lake and changed.source == str(path)


@pytest.mark.parametrize(("changes", "where", "message"), [
    ({"train.epoch": 3}, "changed train.epoch", "Did you mean 'epochs'?"),
    ({"train.optimizer.rate": 3}, "changed train.optimizer.rate", "unknown key 'rate'"),
    ({"trian.epochs": 3}, "changed trian", "Did you mean 'train'?"),
    ({"train.model.name": "mpl"}, "train.model", "Did you mean 'mlp'?"),
    ({"convert.features.y.class": 3}, "changed convert.features.y.class", "Did you mean 'classes'?"),
    ({"train.epochs.first": 3}, "changed train.epochs.first", "expected a mapping"),
    ({"clean.rows.rules.3": {}}, "changed clean.rows.rules.3", "expected an index from 0 to 0"),
    ({"train.epochs": "3"}, "changed train.epochs", "expected a whole number"),
])
def test_what_no_section_has_is_refused_by_its_key(changes: dict[str, Any], where: str, message: str) -> None:
    mapping = {**MAPPING, "train": {**MAPPING["train"], "epochs": 2}}
    with pytest.raises(ConfigError) as caught:
        Workload.of(mapping).changed(changes)
    [problem] = caught.value.problems
    assert problem.where == where and message in str(problem)


def test_all_problems_of_several_changes_are_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Workload.of(MAPPING).changed({"train.epochs": 0, "convert.features.x.kind": "nr"})
    assert {problem.where for problem in caught.value.problems} == {
        "changed train.epochs", "convert.features.x"}


def test_values_that_a_change_was_given_may_be_changed_later() -> None:
    hidden = [4]
    workload = Workload.of(MAPPING).changed({"train.model.hidden": hidden})
    hidden.append(2)
    assert workload.changed({"train.epochs": 1}).train.model.declared()["hidden"] == [4]  # type: ignore[union-attr]


def test_two_thousand_changes_need_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    workload = Workload.of(MAPPING)

    def no_file(*_: Any, **__: Any) -> Any:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(builtins, "open", no_file)
    monkeypatch.setattr(Path, "open", no_file)
    rates = {workload.changed({"train.optimizer.learning_rate": 1 / trial}).train.optimizer.learning_rate  # type: ignore[union-attr]
             for trial in range(1, 2001)}
    assert len(rates) == 2000


def test_a_workload_survives_pickling() -> None:
    workload = Workload.of(MAPPING)
    again = pickle.loads(pickle.dumps(workload))
    assert again == workload and again.changed({"train.epochs": 1}).source == workload.source
