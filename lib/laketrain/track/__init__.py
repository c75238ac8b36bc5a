"""Sends trainings to MLflow and TensorBoard, from the driver.

    with tracked(workload, dataset, key, note=print) as tracking:
        tracking.epoch_ended(event)          # for each
        tracking.committed(version)
"""

from laketrain.track.run import Ending, RunFacts, Tracker
from laketrain.track.tracking import Tracking, missing_packages, tracked

__all__ = ["Ending", "RunFacts", "Tracker", "Tracking", "missing_packages", "tracked"]
