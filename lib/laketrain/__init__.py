"""laketrain: deep learning on the data that is already in your lake.

    from laketrain import Pipeline
    p = Pipeline("conf/mnist.yaml"); p.clean(); p.convert(); p.train()

Importing this loads nothing heavy: each public name brings its module in when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.distributed.world import World
    from laketrain.lake import Lake
    from laketrain.pipeline import Pipeline

__version__ = "0.1.0"
__all__ = ["Lake", "Pipeline", "World", "__version__"]

__getattr__ = lazy_names(__name__, {
    "Lake": "laketrain.lake", "Pipeline": "laketrain.pipeline", "World": "laketrain.distributed.world"})


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
