"""What a page may show of a workload: its settings as the YAML that would run them again, without secrets.

    redactor = Redactor(workload)
    redactor.settings()                      # YAML
    redactor.scrub(str(error))

Secrets belong into the environment, of which nothing is shown. Whoever puts one into the YAML all the same (a key
such as `fs.s3a.secret.key`, a password in a URL) finds `(hidden)` in its place, there and wherever it is repeated. Keys
tell that only where settings are free: a column `access_token` is none, nor is the name of an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from laketrain.config.language.secrets import HIDDEN, contains_secret, hide_secrets
from laketrain.workload import Workload

_SECRET = re.compile(r"secret|passw|pwd|token(?!iz|s)|credential|signature"
                     r"|(access|api|account|private|shared)[._-]?key", re.IGNORECASE)
_PLACE = re.compile(r"_env$|credentials?[._-]?provider|secretKeyRef", re.IGNORECASE)
"""A key that says where a secret is to be had, which is none."""
_FREE = (("variables",), ("spark", "conf"), ("sources", "*", "options"), ("clean", "*", "rules", "*", "options"),
         ("clean", "*", "rules", "*", "function", "options"), ("train", "model", "settings"))
"""Where the keys are their users'. Elsewhere they are laketrain's, or names of columns, features, tables, splits."""
_SHORTEST = 4

Path_ = tuple[str, ...]


class Redactor:
    """Knows the secrets of one workload."""

    def __init__(self, workload: Workload) -> None:
        self._data = _as_written(workload.model_dump(mode="json", by_alias=True, exclude_none=True))
        found = {str(value) for path, value in _leaves(self._data) if _is_secret(path, value)}
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
        return hide_secrets(text)


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


def secret_keys(value: Any, path: Path_ = ()) -> Iterator[str]:
    """The dotted keys under which a secret stands in `value`, which itself stands at `path` of a workload."""
    for place, leaf in _leaves(value, path):
        if _is_secret(place, leaf) or (isinstance(leaf, str) and contains_secret(leaf)):
            yield ".".join(place)


def _leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """What is neither mapping nor list, each with the keys that lead to it."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _is_secret(path: Path_, value: Any) -> bool:
    """Whether its keys say that `value` is one. Yes and no are answers, and no secrets."""
    if value is None or isinstance(value, bool):
        return False
    own = next((path[len(free):] for free in _FREE if _begins(path, free)), ())
    return any(_SECRET.search(key) for key in own) and not _PLACE.search(path[-1])


def _begins(path: Path_, free: Path_) -> bool:
    return len(path) > len(free) and all(want in ("*", key) for want, key in zip(free, path, strict=False))


def _hidden(value: Any, path: Path_ = ()) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, (*path, str(number))) for number, inner in enumerate(value)]
    return HIDDEN if _is_secret(path, value) else value
