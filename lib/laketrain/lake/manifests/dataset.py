"""The manifest of versions in `features/`: convert writes it, every later stage reads it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from laketrain.lake.manifests.base import Manifest


class DatasetManifest(Manifest):
    """What a dataset's rows are, and how they are divided into splits and files.

    Attributes:
        features: the JSON of the `FeatureSet`, with the statistics of the train split.
        rows_per_group: how many rows a row group of the Parquet files has; the last one of a file may have fewer.
        classes: rows with a weight above 0 by split, target and index of the class. None in datasets of an older
            laketrain, which did not count them.
        bucket_files: by split, the number of files of each bucket, the shortest bucket first.
        windows: the settings of `convert.windows`; None if rows aren't cut into windows.
        leaks: a sentence for each pair of splits that share rows or values.
        narrow: a sentence for each split whose rows all share one value of the column that splits them.
        split_seed: the seed of the draw of the splits.
        quarantine: the number of the version of `quarantine/<name>-features` with the rejected rows.
    """

    features: dict[str, Any] = Field(default_factory=dict)
    rows_per_group: int | None = None
    classes: dict[str, dict[str, list[int]]] | None = None
    bucket_files: dict[str, list[int]] = Field(default_factory=dict)
    windows: dict[str, Any] | None = None
    leaks: list[str] = Field(default_factory=list)
    narrow: list[str] = Field(default_factory=list)
    split_seed: int | None = None
    quarantine: int | None = None
