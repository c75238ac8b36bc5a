"""What a page may show of a workload: its settings as the YAML that would run them again, without secrets.

    redactor = Redactor(workload)
    redactor.settings()                      # YAML
    redactor.scrub(str(error))

Secrets belong into the environment, of which nothing is shown. Whoever puts one into the YAML all the same (a key
such as `fs.s3a.secret.key`, a password in a URL) finds `(hidden)` in its place, there and wherever it is repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from laketrain.config import Workload

HIDDEN = "(hidden)"
_SECRET = re.compile(r"secret|passw|pwd|token(?!iz|s)|credential|signature"
                     r"|(access|api|account|private|shared)[._-]?key", re.IGNORECASE)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/\s@]+@", re.IGNORECASE)
_IN_QUERY = re.compile(r"([?&;][\w.-]*(?:secret|passw|token|credential|signature|sig|key)[\w.-]*=)[^&;\s'\"]+",
                       re.IGNORECASE)
_SHORTEST = 4


class Redactor:
    """Knows the secrets of one workload."""

    def __init__(self, workload: Workload) -> None:
        self._data = _as_written(workload.model_dump(mode="json", by_alias=True, exclude_none=True))
        found = {str(value) for value in _secrets(self._data)}
        # The longest first, so that none is left in part; the shortest are words that stand anywhere.
        self._secrets = sorted((secret for secret in found if len(secret) >= _SHORTEST), key=len, reverse=True)

    def settings(self) -> str:
        """The workload as YAML, defaults filled in."""
        return self.scrub(yaml.dump(_hidden(self._data), Dumper=_Dumper, sort_keys=False, allow_unicode=True,
                                    default_flow_style=None, width=100))

    def scrub(self, text: str) -> str:
        """`text` without the workload's secrets and without those that URLs carry."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _without_secrets(text)


class _Dumper(yaml.SafeDumper):
    """Text of several lines stays of several lines."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _as_written(data: dict[str, Any]) -> dict[str, Any]:
    """Rules as people write them: `{range: {column: x}}` for `{rule: range, column: x}`."""
    for table in data.get("clean", {}).values():
        table["rules"] = [{rule["rule"]: {key: value for key, value in rule.items() if key != "rule"}}
                          for rule in table["rules"]]
    return {key: value for key, value in data.items() if value != {}}


def _secrets(value: Any, secret: bool = False) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _secrets(inner, secret or bool(_SECRET.search(str(key))))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, secret)
    elif secret:
        yield value


def secret_keys(value: Any, path: tuple[str, ...] = (), secret: bool = False) -> Iterator[str]:
    """The dotted keys of `value` under which a secret stands."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from secret_keys(inner, (*path, str(key)), secret or bool(_SECRET.search(str(key))))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from secret_keys(inner, (*path, str(number)), secret)
    elif value is not None and (secret or (isinstance(value, str) and _without_secrets(value) != value)):
        yield ".".join(path)


def _without_secrets(text: str) -> str:
    """`text` without those that URLs carry."""
    return _IN_QUERY.sub(rf"\g<1>{HIDDEN}", _IN_URL.sub(rf"\g<1>{HIDDEN}@", text))


def _hidden(value: Any, secret: bool = False) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(inner, secret or bool(_SECRET.search(str(key)))) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, secret) for inner in value]
    return HIDDEN if secret else value
