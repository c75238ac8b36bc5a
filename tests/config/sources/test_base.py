"""What all sources share: schemas and secrets."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.sources import FileSource
from laketrain.config.sources.base import ServerSource


@pytest.mark.parametrize("schema", [
    {}, {"_file": "string"}, {"_RECORD": "string"}, {"a": "strin"}, {"a": "int", "A": "int"}, "guess",
    {"caf\u00e9": "int", "cafe\u0301": "int"}])
def test_invalid_schemas_are_refused(schema: Any) -> None:
    with pytest.raises(ValidationError):
        FileSource.model_validate({"format": "parquet", "path": "x", "schema": schema})


def test_secret_options_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ServerSource.model_validate({"format": "delta", "secrets": {"password": "SHOP_PASSWORD"}})
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    assert source.unset() == "SHOP_PASSWORD"
    monkeypatch.setenv("SHOP_PASSWORD", "x")
    assert (source.unset(), source.secret_options()) == (None, {"password": "x"})
    assert source.secret_variables() == ["SHOP_PASSWORD"]
