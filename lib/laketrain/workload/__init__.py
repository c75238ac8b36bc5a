"""A workload: the typed settings of one YAML file, or one mapping, checked before Spark starts.

    workload = Workload.load("conf/mnist.yaml", sets=["train.epochs=3"])
"""

from laketrain.workload.convert import Convert
from laketrain.workload.train import Train
from laketrain.workload.workload import Workload

__all__ = ["Convert", "Train", "Workload"]
