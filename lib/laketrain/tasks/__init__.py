"""Tasks: how a model learns a target, how it is evaluated, and what its predictions look like. One file a task.

    from laketrain.tasks import Regression, Task, register
"""

from laketrain.tasks.accumulator import Accumulator
from laketrain.tasks.base import Headline, Task
from laketrain.tasks.classification import Classification
from laketrain.tasks.image import ImageRegression
from laketrain.tasks.multilabel import MultilabelClassification
from laketrain.tasks.outputs import Output, default_outputs, kinds_of, outputs_meta, read_outputs, task_of
from laketrain.tasks.registry import TASKS, default_task, metric_mode, register, task_of_section
from laketrain.tasks.regression import Regression
from laketrain.tasks.sequence import SequenceRegression

__all__ = ["TASKS", "Accumulator", "Classification", "Headline", "ImageRegression", "MultilabelClassification",
           "Output", "Regression", "SequenceRegression", "Task", "default_outputs", "default_task", "kinds_of",
           "metric_mode", "outputs_meta", "read_outputs", "register", "task_of", "task_of_section"]
