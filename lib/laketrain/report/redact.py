"""A workload without its secrets: its settings as YAML that can be run again, and texts about it.

    redactor = Redactor(workload)
    redactor.settings()                      # YAML
    redactor.scrub(str(error))

Secrets belong in the environment, which isn't shown. A secret in the YAML (under a key such as `fs.s3a.secret.key`, or
a password in a URL) is replaced by `(hidden)`, there and wherever it is repeated. Keys are only matched in free-form
settings: a column called `access_token` isn't a secret, nor is the name of an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from laketrain.config.secrets import HIDDEN, holds_secret, without_secrets
from laketrain.workload import Workload

_SECRET = re.compile(r"secret|passw|pwd|token(?!iz|s)|credential|signature"
                     r"|(access|api|account|private|shared)[._-]?key", re.IGNORECASE)
_REFERENCE = re.compile(r"_env$|credentials?[._-]?provider|secretKeyRef", re.IGNORECASE)
"""Keys whose value is the location of a secret, not a secret."""
_FREE = (("variables",), ("spark", "conf"), ("sources", "*", "options"), ("clean", "*", "rules", "*", "options"),
         ("clean", "*", "rules", "*", "function", "options"), ("train", "model", "settings"))
"""Free-form sections, whose keys are the user's. Others have laketrain's keys, or names of columns, features,
tables and splits."""
_SHORTEST = 4

Path_ = tuple[str, ...]


class Redactor:
    """Hides the secrets of one workload."""

    def __init__(self, workload: Workload) -> None:
        self._data = _as_written(workload.model_dump(mode="json", by_alias=True, exclude_none=True))
        secrets = {str(value) for path, value in _leaves(self._data) if _is_secret(path, value)}
        # The longest first, since one may contain another. The shortest are ordinary words.
        self._secrets = sorted((secret for secret in secrets if len(secret) >= _SHORTEST), key=len, reverse=True)

    def settings(self) -> str:
        """The workload as YAML, defaults filled in."""
        return self.scrub(yaml.dump(_hidden(self._data), Dumper=_Dumper, sort_keys=False, allow_unicode=True,
                                    default_flow_style=None, width=100))

    def scrub(self, text: str) -> str:
        """`text` without the workload's secrets and without passwords in URLs."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return without_secrets(text)


class _Dumper(yaml.SafeDumper):
    """Writes multi-line strings as blocks, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _as_written(data: dict[str, Any]) -> dict[str, Any]:
    """The data with rules as in a YAML file: `{range: {column: x}}` for `{rule: range, column: x}`."""
    for table in data.get("clean", {}).values():
        table["rules"] = [{rule["rule"]: {key: value for key, value in rule.items() if key != "rule"}}
                          for rule in table["rules"]]
    return {key: value for key, value in data.items() if value != {}}


def secret_keys(value: Any, path: Path_ = ()) -> Iterator[str]:
    """The dotted keys of secrets in `value`, which is at `path` of a workload."""
    for leaf_path, leaf in _leaves(value, path):
        if _is_secret(leaf_path, leaf) or (isinstance(leaf, str) and holds_secret(leaf)):
            yield ".".join(leaf_path)


def _leaves(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """All values that are neither mapping nor list, each with the path of its keys."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, (*path, str(key)))
    else:
        yield path, value


def _is_secret(path: Path_, value: Any) -> bool:
    """Whether the keys mark `value` as a secret. Booleans never are."""
    if value is None or isinstance(value, bool):
        return False
    free_keys = next((path[len(free):] for free in _FREE if _starts_with(path, free)), ())
    return any(_SECRET.search(key) for key in free_keys) and not _REFERENCE.search(path[-1])


def _starts_with(path: Path_, free: Path_) -> bool:
    return len(path) > len(free) and all(pattern in ("*", key) for pattern, key in zip(free, path, strict=False))


def _hidden(value: Any, path: Path_ = ()) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(inner, (*path, str(key))) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner, (*path, str(number))) for number, inner in enumerate(value)]
    return HIDDEN if _is_secret(path, value) else value
