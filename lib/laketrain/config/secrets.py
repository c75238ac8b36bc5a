"""Secrets that stand in a URL, as people write them all the same: found, and hidden.

    without_secrets("jdbc:db2://h:50000/shop:user=a;pwd=tiger;")      # jdbc:db2://h:50000/shop:user=a;pwd=(hidden);
"""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
_NAME = (r"[\w.-]*(?:secret|passw(?!ordCharacterEncoding)|pwd|token(?!iz|s)|credential(?!s?[._-]?provider)|signature"
         r"|access[._-]?key)[\w.-]*|[\w.-]*(?<!ssl)key|sig")
# What stands before the @ of an abfss:// is a container, of a jceks:// a scheme, unless there is a colon in it.
_LOGIN = re.compile(r"(\b(?!(?:(?:abfs|wasb)s?|jceks|bcfks)://[^/\s:@]+@)[a-z][a-z0-9+.-]*://)[^/\s]+@", re.IGNORECASE)
_ORACLE = re.compile(r"(\bjdbc:oracle:\w+:)(?!@)\S+@", re.IGNORECASE)
_IN_QUERY = re.compile(rf"([?&;](?:{_NAME})=)[^&;\s'\"]+", re.IGNORECASE)
_JDBC = re.compile(r"\bjdbc:\S+", re.IGNORECASE)
# Each database has its own way to part settings: DB2 `:a=b;`, Teradata `/A=b,`, MySQL `(a=b)`.
_SETTING = re.compile(rf"((?<![\w.-])(?:{_NAME})=)[^&;\s'\"]+", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """`text`, in which nothing is left of the users, passwords and keys that its URLs carry."""
    text = _JDBC.sub(lambda url: _SETTING.sub(rf"\g<1>{HIDDEN}", _ORACLE.sub(rf"\g<1>{HIDDEN}@", url[0])), text)
    return _IN_QUERY.sub(rf"\g<1>{HIDDEN}", _LOGIN.sub(rf"\g<1>{HIDDEN}@", text))


def holds_secret(text: str) -> bool:
    """Whether a URL in `text` carries one."""
    return without_secrets(text) != text
