"""What a user names as module:function is found, or it is said where was looked and what is near."""

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


def test_a_function_of_the_users_is_found(module: Path) -> None:
    assert import_object("shop_models:small_net", "train", "train.model.use")() == 7


@pytest.mark.parametrize(("reference", "said"), [
    ("shop_models:smal_net", ["has no 'smal_net'", "Did you mean 'small_net'?"]),
    ("shop_modells:small_net", ["there is no module 'shop_modells'", "PYTHONPATH"]),
    ("shop_needs:net", ["the import of 'shop_needs' fails", "no_such_library"]),
    ("shop_broken:net", ["the import of 'shop_broken' fails: ZeroDivisionError", "python -c"]),
    ("shop_models", ["is not of the form module:name"]), (":net", ["is not of the form module:name"]),
])
def test_what_can_not_be_found_is_told_with_the_way_out(module: Path, reference: str, said: list[str]) -> None:
    with pytest.raises(LaketrainError) as caught:
        import_object(reference, "train", "train.model.use")
    assert caught.value.stage == "train"
    assert all(part in str(caught.value) for part in ("train.model.use", *said)), str(caught.value)


def test_a_module_that_is_not_there_names_where_was_looked(module: Path) -> None:
    with pytest.raises(LaketrainError, match=str(module)):
        import_object("shop_modells:small_net", "train", "train.loss")
