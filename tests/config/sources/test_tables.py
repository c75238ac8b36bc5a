"""Tables of databases and stores."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from laketrain.config.sources.tables import JdbcSource, Partition


def source(**settings: Any) -> JdbcSource:
    return JdbcSource.model_validate(
        {"format": "jdbc", "url": "jdbc:postgresql://db/shop", "table": "orders", **settings})


@pytest.mark.parametrize("settings", [
    {"url": "postgresql://db/shop"}, {"options": {"password": "x"}}, {"options": {"url2": "jdbc:x?password=y"}},
    {"user_env": "lower"}, {"partition": {"column": "id", "parts": 1}}])
def test_invalid_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        source(**settings)


def test_bounds_of_a_partition_are_given_together() -> None:
    assert Partition(column="id", lower=1, upper=9).parts == 8
    with pytest.raises(ValidationError):
        Partition(column="id", lower=1)


def test_declared_columns_are_known_before_the_table_is_read() -> None:
    assert source(schema={"id": "bigint"}).columns == {"id": "bigint"}
    assert source().columns is None
    assert source(schema={"id": "bigint"}, drift={"new": "keep"}).columns is None
