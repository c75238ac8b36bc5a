"""`module:function` is imported, or the error has the search path and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from laketrain.errors import LaketrainError
from laketrain.usercode.loading import import_object


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shop_models.py").write_text("def small_net(): return 7\n")
    (tmp_path / "shop_needs.py").write_text("import no_such_library\n")
    (tmp_path / "shop_broken.py").write_text("1 / 0\n")
    return tmp_path


def test_a_function_of_the_users_is_imported(module: Path) -> None:
    assert import_object("shop_models:small_net", "train", "train.model.use")() == 7


@pytest.mark.parametrize(("reference", "message"), [
    ("shop_models:smal_net", ["has no 'smal_net'", "Did you mean 'small_net'?"]),
    ("shop_modells:small_net", ["there is no module 'shop_modells'", "PYTHONPATH"]),
    ("shop_needs:net", ["the import of 'shop_needs' fails", "no_such_library"]),
    ("shop_broken:net", ["the import of 'shop_broken' fails: ZeroDivisionError", "python -c"]),
    ("shop_models", ["is not of the form module:name"]), (":net", ["is not of the form module:name"]),
])
def test_a_name_that_does_not_exist_is_refused_with_the_next_step(
        module: Path, reference: str, message: list[str]) -> None:
    with pytest.raises(LaketrainError) as caught:
        import_object(reference, "train", "train.model.use")
    assert caught.value.stage == "train"
    assert all(part in str(caught.value) for part in ("train.model.use", *message)), str(caught.value)


def test_the_error_of_a_missing_module_has_the_search_path(module: Path) -> None:
    with pytest.raises(LaketrainError, match=str(module)):
        import_object("shop_modells:small_net", "train", "train.loss")
