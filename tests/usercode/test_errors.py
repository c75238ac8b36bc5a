"""An error of the user's code names its file and line; other errors are unchanged."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from laketrain.errors import DataError, LaketrainError
from laketrain.usercode.errors import user_location, wrap_user_errors


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "broken_by_user.py").write_text("import json\n\ndef fails(text):\n    return json.loads(text)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("broken_by_user")
    sys.modules.pop("broken_by_user", None)


def test_the_innermost_line_of_the_users_code_is_named(broken: Any) -> None:
    with pytest.raises(DataError) as caught, wrap_user_errors("train", "train.step 'broken_by_user:fails'"):
        broken.fails("{")
    assert str(caught.value).startswith("[train] train.step 'broken_by_user:fails': raised JSONDecodeError: Expecting")
    assert f"at {broken.__file__}, line 4, in fails. Next: it is code of your own: fix it there" in str(caught.value)
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_exit_is_an_error_of_the_users_code_too() -> None:
    with pytest.raises(DataError, match="raised SystemExit: 3"), wrap_user_errors("train", "subject"):
        sys.exit(3)


@pytest.mark.parametrize("error", [MemoryError("none left"), LaketrainError("train", "subject", "problem", "hint")],
                         ids=lambda error: type(error).__name__)
def test_a_memory_error_and_laketrains_errors_are_unchanged(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, wrap_user_errors("train", "subject"):
        raise error
    assert caught.value is error


def test_an_error_that_passed_no_code_of_the_users_has_no_location() -> None:
    assert user_location(ValueError("never raised")) == ""
