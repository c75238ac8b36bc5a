"""What Spark must be told to reach each kind of database and store: driver, package, settings of its driver.

    drivers.driver("jdbc:sqlite:shop.db"), drivers.package("jdbc:sqlite:shop.db"), drivers.package("delta")
    drivers.settings("jdbc:mysql")
"""

from __future__ import annotations

from collections.abc import Mapping

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
    "delta": "io.delta:delta-spark_2.13:4.0.0",
    "iceberg": "org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0",
    "mongodb": "org.mongodb.spark:mongo-spark-connector_2.13:10.5.0",
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
"""Named to Spark: by the URL alone Java finds no driver that came as a package."""
_MYSQL: Mapping[str, str] = {
    # By itself 2 in a TINYINT(1) is true, and a YEAR the first of its January.
    "tinyInt1isBit": "false", "yearIsDateType": "false",
    # Its TIMESTAMP is told as the wall time of the session, whose zone is the server's by itself.
    "sessionInitStatement": "SET time_zone = '+00:00'",
}
_SETTINGS: Mapping[str, Mapping[str, str]] = {"jdbc:mysql": _MYSQL, "jdbc:mariadb": _MYSQL}


def scheme(url: str) -> str:
    """`jdbc:postgresql` of a URL."""
    return ":".join(url.split(":")[:2])


def driver(place: str) -> str | None:
    """The Java class of a URL; None where we know none."""
    return _of(_DRIVERS, place)


def package(place: str) -> str | None:
    """Maven's group:artifact:version of a URL or a connector; None where we know none."""
    return _of(_PACKAGES, place)


def _of(known: Mapping[str, str], place: str) -> str | None:
    begins = [key for key in known if place.startswith(key)]
    return known[max(begins, key=len)] if begins else None


def settings(kind: str) -> Mapping[str, str]:
    """Options without which values would come as others. A source's own win."""
    return _SETTINGS.get(kind, {})


def address(url: str) -> str:
    """The URL by which Spark quotes names as the server reads them. For MariaDB's own scheme it has no dialect, and
    quotes names as text: each row would hold the names of its columns. The driver takes MySQL's too, on this word."""
    if scheme(url) != "jdbc:mariadb":
        return url
    return f"{url.replace('jdbc:mariadb:', 'jdbc:mysql:', 1)}{'&' if '?' in url else '?'}permitMysqlScheme"
