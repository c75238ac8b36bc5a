"""Finds and hides secrets in URLs.

    hide_secrets("jdbc:db2://h:50000/shop:user=a;pwd=tiger;")      # jdbc:db2://h:50000/shop:user=a;pwd=(hidden);
"""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
_KEYS = r"(?:private|api|account|shared|access|auth)[._-]?key"
# Possible secrets are hidden, as nobody misses them in a report. Only certain ones are refused.
_MAYBE = (r"[\w.-]*(?:secret|passw(?!ordCharacterEncoding)|passphrase|pwd|token(?!iz|s)|credential(?!s?[._-]?provider)"
          rf"|signature|{_KEYS})[\w.-]*|[\w.-]*(?<!ssl)key[0-9]*|(?:[\w.-]*[._-])?sig")
_SURE = (r"[\w.-]*(?:secret|passw(?:or)?d|passphrase|pwd|token|credential|signature"
         rf"|{_KEYS}(?:[._-]?(?:base64|pem|der|value|data|x|v?[0-9]+)){{0,2}})|(?:[\w.-]*[._-])?sig")
_VALUE = r"[^&;\s'\"]+"
_VISIBLE = rf"(?!(?:true|false|\(hidden\))(?![^&;,)\s])){_VALUE}"
# Before the @ is a container in abfss://, a scheme in jceks://, and a login elsewhere or if it contains a colon.
_LOGIN = re.compile(r"(\b(?!(?:(?:abfs|wasb)s?|jceks|bcfks)://[^/\s:@]+@)[a-z][a-z0-9+.-]*://)[^/\s]+@", re.IGNORECASE)
_PASSWORD = re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s]+@", re.IGNORECASE)
_ORACLE = re.compile(r"(\bjdbc:oracle:\w+:)[^/\s@]+/\S+@", re.IGNORECASE)
_JDBC = re.compile(r"\bjdbc:\S+", re.IGNORECASE)
# In a query, and anywhere in JDBC: DB2 writes settings as `:a=b;`, Teradata as `/A=b,`, MySQL as `(a=b)`.
_QUERY, _ANYWHERE = r"[?&;]", r"(?<![\w.-])"


def _setting(before: str, name: str, value: str) -> re.Pattern[str]:
    return re.compile(rf"({before}(?:{name})=){value}", re.IGNORECASE)


_IN_QUERY, _IN_JDBC = _setting(_QUERY, _MAYBE, _VALUE), _setting(_ANYWHERE, _MAYBE, _VALUE)
_SURE_IN_QUERY, _SURE_IN_JDBC = _setting(_QUERY, _SURE, _VISIBLE), _setting(_ANYWHERE, _SURE, _VISIBLE)


def hide_secrets(text: str) -> str:
    """`text` with the users, passwords and keys in its URLs replaced."""
    text = _JDBC.sub(lambda url: _IN_JDBC.sub(rf"\g<1>{HIDDEN}", _ORACLE.sub(rf"\g<1>{HIDDEN}@", url[0])), text)
    return _IN_QUERY.sub(rf"\g<1>{HIDDEN}", _LOGIN.sub(rf"\g<1>{HIDDEN}@", text))


def contains_secret(text: str) -> bool:
    """Whether a URL in `text` certainly contains a secret."""
    if _PASSWORD.search(text) or _SURE_IN_QUERY.search(text):
        return True
    return any(_ORACLE.search(url) or _SURE_IN_JDBC.search(url) for url in _JDBC.findall(text))
