"""The fingerprint of a version: a hash of the stage, its settings and its inputs. A stage whose fingerprint exists
already has nothing to do.

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
    """The SHA-256, in hexadecimal, of everything that determines a stage's result.

    Args:
        stage: the stage's name.
        revision: a number that the stage raises when its code changes the result of the same input.
        settings: the relevant part of the config: models, or plain JSON values.
        parents: the versions that the stage reads. Their data directories are hashed: their content never changes.
    """
    inputs = sorted(f"{parent.zone}/{parent.name}:{parent.entry.data}" for parent in parents)
    document = {"stage": stage, "revision": revision, "settings": settings, "inputs": inputs}
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=_to_json)
    return hashlib.sha256(text.encode()).hexdigest()


def _to_json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"a fingerprint is made of JSON values and models, received {type(value).__name__}")
