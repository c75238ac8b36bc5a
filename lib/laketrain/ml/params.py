"""The Params: those of the model, which the estimator has too, and those of a fit.

    ParamGridBuilder().addGrid(estimator.epochs, [2, 5]).addGrid(estimator.learningRate, [0.1, 0.01])

Sections of a workload are JSON-like dicts. Settings to tune are Params of their own, which override the section's keys.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasPredictionCol, HasProbabilityCol, HasSeed


def to_section(value: Any) -> dict[str, Any]:
    """A copy of a dict of JSON values. Raises TypeError, as Spark's own converters do."""
    if not isinstance(value, dict):
        raise TypeError(f"received {value!r}, expected a dict as of a workload's YAML")
    try:
        copy: dict[str, Any] = json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"has a value that isn't JSON: {error}") from None
    if copy.keys() != value.keys():
        raise TypeError(f"received the keys {list(value)}, expected text")
    return copy


def to_rows(value: Any) -> int:
    """A number of rows, 1 or more. Raises TypeError, as Spark's own converters do."""
    rows = int(TypeConverters.toInt(value))
    if rows < 1:
        raise TypeError(f"received {rows}, expected a number of rows, 1 or more")
    return rows


class ScoringParams(HasPredictionCol, HasProbabilityCol):
    """The Params of transform."""

    lake: ClassVar[Param[str]] = Param(Params._dummy(), "lake", "where the lake is: a directory, hdfs://… or s3://…",
                                       typeConverter=TypeConverters.toString)
    reasonCol: ClassVar[Param[str]] = Param(  # noqa: N815 (Spark ML's style)
        Params._dummy(), "reasonCol", "column that says why a row can't be scored; null where it is",
        typeConverter=TypeConverters.toString)
    scoreBatch: ClassVar[Param[int]] = Param(  # noqa: N815
        Params._dummy(), "scoreBatch", "rows that the model sees at once in transform, 1 or more",
        typeConverter=to_rows)

    def __init__(self) -> None:
        super().__init__()
        self._setDefault(predictionCol="prediction", probabilityCol="probability", reasonCol="_reason", scoreBatch=512)


class FittingParams(ScoringParams, HasSeed):
    """The Params of fit, in addition to those of transform."""

    name: ClassVar[Param[str]] = Param(
        Params._dummy(), "name", "the name of the fits' table, dataset and model in the lake; every fit is a version",
        typeConverter=TypeConverters.toString)
    features: ClassVar[Param[Any]] = Param(
        Params._dummy(), "features", "the tensors by name, as in a workload's convert.features",
        typeConverter=to_section)
    train: ClassVar[Param[Any]] = Param(
        Params._dummy(), "train", "the training, as in a workload's train section; the model at least",
        typeConverter=to_section)
    convert: ClassVar[Param[Any]] = Param(
        Params._dummy(), "convert", "further keys of a workload's convert section, e.g. {'max_reject_fraction': 0.1}",
        typeConverter=to_section)
    split: ClassVar[Param[Any]] = Param(
        Params._dummy(), "split", "the fit's own train and validation rows, as in convert.split; "
        "by default validationFraction of the rows, drawn by a hash of their values", typeConverter=to_section)
    validationFraction: ClassVar[Param[float]] = Param(  # noqa: N815
        Params._dummy(), "validationFraction", "the share of rows that each epoch is measured on; 0 for none",
        typeConverter=TypeConverters.toFloat)
    epochs: ClassVar[Param[int]] = Param(
        Params._dummy(), "epochs", "how often every row is seen; instead of train.epochs",
        typeConverter=TypeConverters.toInt)
    batch: ClassVar[Param[int]] = Param(
        Params._dummy(), "batch", "rows of one step, of all ranks together; instead of train.batch",
        typeConverter=TypeConverters.toInt)
    learningRate: ClassVar[Param[float]] = Param(  # noqa: N815
        Params._dummy(), "learningRate", "of the first step; instead of train.optimizer.learning_rate",
        typeConverter=TypeConverters.toFloat)
    ranks: ClassVar[Param[int]] = Param(
        Params._dummy(), "ranks", "processes that train together, each a task of Spark; instead of train.ranks",
        typeConverter=TypeConverters.toInt)

    def __init__(self) -> None:
        super().__init__()
        # Spark's own default of `seed` is a hash of the class's name; a fixed number is clearer.
        self._setDefault(name="ml", convert={}, validationFraction=0.1, seed=0)
