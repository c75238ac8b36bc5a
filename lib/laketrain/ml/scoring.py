"""The scorer of predict over a DataFrame's batches: Arrow batches in, the same rows with their answers out.

    frame.mapInArrow(partial(score_frame, task), schema)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from laketrain.predict.scorer import PredictTask, score_batches


def score_frame(task: PredictTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Each row's kept columns, answers and reason. Piece by piece: Spark cuts batches by rows, and knows nothing of how
    large a decoded one is; a stage sets that in its session, which isn't transform's to change."""
    pieces = (batch.slice(start, task.batch) for batch in batches for start in range(0, batch.num_rows, task.batch))
    yield from score_batches(task, pieces)
