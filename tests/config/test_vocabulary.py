"""Names that a setting accepts, and those that plugins add."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ValidationError

from laketrain.config.vocabulary import Vocabulary


def test_builtin_and_added_names_are_accepted_in_their_order() -> None:
    names = Vocabulary("auto", "mse")
    names.add(["log_error", "mse"])
    assert list(names) == ["auto", "mse", "log_error"]
    assert names.is_added("log_error") and not names.is_added("mse") and not names.is_added("other")
    assert "log_error" in names and "other" not in names


def test_an_unknown_name_has_the_error_of_a_literal() -> None:
    names = Vocabulary("auto", "mse")

    class Settings(BaseModel):
        loss: Annotated[str, AfterValidator(names.check)]

    assert Settings(loss="mse").loss == "mse"
    with pytest.raises(ValidationError) as caught:
        Settings(loss="msee")
    [error] = caught.value.errors()
    assert (error["type"], error["ctx"]["expected"]) == ("literal_error", "'auto' or 'mse'")
