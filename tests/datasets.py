"""Any rows as a dataset in a lake, committed as convert would, without Spark.

    version = commit_dataset(lake, "shop", features, {"train": batch, "val": other})      # features/shop@1
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.features import FeatureSet
from laketrain.lake import Lake, Version


def commit_dataset(lake: Lake, name: str, declared: FeatureSet, splits: Mapping[str, pa.RecordBatch],
                   rows_per_group: int = 8) -> Version:
    """Commits `features/<name>` with the rows of each split, all of them valid, and the statistics of `train`."""
    fitted = declared
    for first in (True, False):
        fitted = fitted.fit([fitted.tally(splits["train"], first)], first)
    with lake.table("features", name).stage() as draft:
        for split, batch in splits.items():
            stored, refused = fitted.encode_batch(batch)
            assert refused.null_count == len(refused), refused.drop_null()[0]
            content = io.BytesIO()
            pq.write_table(stored, content, row_group_size=rows_per_group)
            lake.store.write(draft.path(f"{split}/part-00000.parquet"), content.getvalue())
        return draft.commit(stage="convert", fingerprint=name, meta={"features": json.loads(fitted.to_json())},
                            counts={"splits": {split: len(batch) for split, batch in splits.items()}})
