"""The pipeline: runs the stages of a workload, one after the other, only what changed.

    from laketrain.pipeline import Pipeline

    Pipeline("conf/mnist.yaml").run()
"""

from typing import TYPE_CHECKING

from laketrain.lazy import lazy_names

if TYPE_CHECKING:
    from laketrain.pipeline.pipeline import Pipeline

__all__ = ["Pipeline"]

__getattr__ = lazy_names(__name__, {"Pipeline": "laketrain.pipeline.pipeline"})
