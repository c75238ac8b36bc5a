"""The URL, driver and package for each kind of database."""

from __future__ import annotations

import pytest

from laketrain.ingest import drivers


@pytest.mark.parametrize(("url", "address"), [
    ("jdbc:mariadb://db:3306/shop", "jdbc:mysql://db:3306/shop?permitMysqlScheme"),
    ("jdbc:mariadb:replication://a,b/shop?useSsl", "jdbc:mysql:replication://a,b/shop?useSsl&permitMysqlScheme"),
    ("jdbc:postgresql://db/shop", "jdbc:postgresql://db/shop"),
])
def test_mariadb_is_addressed_so_that_spark_quotes_names_as_it_does(url: str, address: str) -> None:
    assert drivers.address(url) == address


def test_each_kind_has_its_driver_and_package() -> None:
    assert drivers.driver("jdbc:sqlite:shop.db") == "org.sqlite.JDBC"
    assert drivers.driver("jdbc:derby:shop") != drivers.driver("jdbc:derby://db/shop")
    assert str(drivers.package("delta")).startswith("io.delta:")
    assert drivers.driver("jdbc:db2://db/shop") is drivers.package("jdbc:db2://db/shop") is None
