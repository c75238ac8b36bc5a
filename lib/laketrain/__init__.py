"""laketrain: deep learning on the data that is already in your lake.

    from laketrain import Pipeline
    p = Pipeline("conf/mnist.yaml"); p.clean(); p.convert(); p.train()

Importing this loads nothing heavy: each public name brings its module in when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from laketrain.distributed.world import World
    from laketrain.lake import Lake
    from laketrain.pipeline import Pipeline

__version__ = "0.1.0"
__all__ = ["Lake", "Pipeline", "World", "__version__"]

_HOMES = {"Lake": "laketrain.lake", "Pipeline": "laketrain.pipeline", "World": "laketrain.distributed.world"}


def __getattr__(name: str) -> Any:
    """Loads a public name's module on the name's first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'laketrain' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
