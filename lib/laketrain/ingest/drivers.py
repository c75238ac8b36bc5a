"""The JDBC driver, Maven package and driver settings of each kind of database and connector.

    drivers.driver("jdbc:sqlite:shop.db"), drivers.package("jdbc:sqlite:shop.db"), drivers.package("delta")
    drivers.settings("jdbc:mysql")
"""

from __future__ import annotations

from collections.abc import Mapping

from laketrain.spark.connectors import installed_connectors

_PACKAGES: Mapping[str, str] = {
    "jdbc:postgresql": "org.postgresql:postgresql:42.7.4",
    "jdbc:mysql": "com.mysql:mysql-connector-j:9.1.0",
    "jdbc:mariadb": "org.mariadb.jdbc:mariadb-java-client:3.5.1",
    "jdbc:sqlserver": "com.microsoft.sqlserver:mssql-jdbc:12.8.1.jre11",
    "jdbc:oracle": "com.oracle.database.jdbc:ojdbc11:23.6.0.24.10",
    "jdbc:sqlite": "org.xerial:sqlite-jdbc:3.47.1.0",
    "jdbc:h2": "com.h2database:h2:2.2.224",
    "jdbc:derby:": "org.apache.derby:derby:10.16.1.1",
    "jdbc:derby://": "org.apache.derby:derbyclient:10.16.1.1",
}
_DRIVERS: Mapping[str, str] = {
    "jdbc:postgresql": "org.postgresql.Driver",
    "jdbc:mysql": "com.mysql.cj.jdbc.Driver",
    "jdbc:mariadb": "org.mariadb.jdbc.Driver",
    "jdbc:sqlserver": "com.microsoft.sqlserver.jdbc.SQLServerDriver",
    "jdbc:oracle": "oracle.jdbc.OracleDriver",
    "jdbc:sqlite": "org.sqlite.JDBC",
    "jdbc:h2": "org.h2.Driver",
    "jdbc:derby:": "org.apache.derby.iapi.jdbc.AutoloadedDriver",
    "jdbc:derby://": "org.apache.derby.client.ClientAutoloadedDriver",
}
"""Passed to Spark, because Java doesn't find drivers of packages by the URL alone."""
_MYSQL: Mapping[str, str] = {
    # By default a 2 in a TINYINT(1) is read as true, and a YEAR as its 1 January.
    "tinyInt1isBit": "false", "yearIsDateType": "false",
    # A TIMESTAMP is returned as the local time of the session, whose default time zone is the server's.
    "sessionInitStatement": "SET time_zone = '+00:00'",
}
_SETTINGS: Mapping[str, Mapping[str, str]] = {"jdbc:mysql": _MYSQL, "jdbc:mariadb": _MYSQL}


def scheme(url: str) -> str:
    """The scheme of a URL, e.g. `jdbc:postgresql`."""
    return ":".join(url.split(":")[:2])


def driver(url: str) -> str | None:
    """The Java class of a URL's driver; None where it is unknown."""
    return _longest_prefix(_DRIVERS, url)


def package(url: str) -> str | None:
    """Maven's group:artifact:version for a URL or a connector; None where it is unknown."""
    connectors = installed_connectors()
    of_this_release = {"delta": connectors.delta, "iceberg": connectors.iceberg, "mongodb": connectors.mongodb}
    return of_this_release.get(url) or _longest_prefix(_PACKAGES, url)


def _longest_prefix(values: Mapping[str, str], text: str) -> str | None:
    """The value of the longest key that `text` begins with."""
    prefixes = [key for key in values if text.startswith(key)]
    return values[max(prefixes, key=len)] if prefixes else None


def settings(kind: str) -> Mapping[str, str]:
    """Options that values need in order to be read correctly. Options of the source take precedence."""
    return _SETTINGS.get(kind, {})


def address(url: str) -> str:
    """The URL with which Spark quotes names correctly. Spark has no dialect for MariaDB's own scheme and would quote
    names as strings, so that each row had the names of its columns as values. MariaDB's driver accepts MySQL's scheme
    with the option `permitMysqlScheme`."""
    if scheme(url) != "jdbc:mariadb":
        return url
    return f"{url.replace('jdbc:mariadb:', 'jdbc:mysql:', 1)}{'&' if '?' in url else '?'}permitMysqlScheme"
