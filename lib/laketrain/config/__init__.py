"""The YAML of a workload: its models, and loading it with every problem told at once.

    workload, document = load("conf/mnist.yaml", sets=["train.epochs=3"])
"""

from laketrain.config.document import Document
from laketrain.config.load import load
from laketrain.config.workload import Workload

__all__ = ["Document", "Workload", "load"]
