"""What a version was made from, as one hash: the stage, its settings, its inputs. The same hash means nothing to do.

    fingerprint("clean", 1, settings=table, parents=[raw])
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from laketrain.lake.version import Version


def fingerprint(stage: str, revision: int, settings: Any, parents: Iterable[Version] = ()) -> str:
    """The hex SHA-256 of everything that shapes a stage's result.

    Args:
        stage: the stage's name.
        revision: a number that the stage's code raises when it changes what it makes of the same input.
        settings: the part of the config that matters: models, or plain JSON values.
        parents: the versions that the stage reads. They count by their data directory, whose content never changes.
    """
    inputs = sorted(f"{parent.zone}/{parent.name}:{parent.entry.data}" for parent in parents)
    document = {"stage": stage, "revision": revision, "settings": settings, "inputs": inputs}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"a fingerprint is made of JSON values and models, received {type(value).__name__}")
