"""The scorer of predict for the batches of a DataFrame.

    frame.mapInArrow(partial(score_frame, task), schema)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from laketrain.predict.scorer import PredictTask, score_batches


def score_frame(task: PredictTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The kept columns, predictions and reason of each row. Batches are sliced first: Spark bounds them by rows, not by
    their decoded size, and transform can't change settings of the session, as a stage does."""
    pieces = (batch.slice(start, task.batch) for batch in batches for start in range(0, batch.num_rows, task.batch))
    yield from score_batches(task, pieces)
