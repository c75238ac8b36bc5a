"""The convert stage: an integrated (or clean) table becomes a Petastorm dataset in splits.

    convert:
      table: digits
      features:
        image: {kind: image, column: pixels, shape: [28, 28, 1]}
        label: {kind: label, column: label, classes: 10}
      split: {by: digit_id, fractions: {train: 0.8, val: 0.1, test: 0.1}}
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_serializer

from laketrain.config.base import Name, Section
from laketrain.config.convert import Leakage, Oversample, Split
from laketrain.config.windows import Windows
from laketrain.features import FeatureSet


class Convert(Section):
    """Converts a table to a dataset: which column becomes which feature, and how rows are assigned to splits and
    files."""

    former: ClassVar[dict[str, str]] = {"leaks": "It is called 'leakage' now"}

    table: Name
    """The integrated table that is converted or, if there is none of that name, the clean table."""
    dataset: Name | None = None
    """The name of the dataset in the lake; by default that of the workload."""
    features: FeatureSet
    """The features, by name: inputs, targets, weights and row ids."""
    windows: Windows | None = None
    """Cut the rows of a time series into windows, which become the rows of the dataset."""
    split: Split
    """How rows are assigned to train, validation and test."""
    shuffle: bool = True
    """Whether to sort rows by a hash: for sources that are sorted (one folder per class), and for an order that doesn't
    depend on how Spark partitions the table."""
    row_group_mb: float = Field(default=1.0, gt=0, le=512)
    """The size of a row group in MB, before compression. Small, since shuffling reads a whole row group for some of its
    rows."""
    file_mb: float = Field(default=128.0, gt=0)
    """The size of a file in MB, before compression. Files are smaller if more files keep every slot of Spark busy. The
    default is a usual block size of HDFS."""
    oversample: Oversample | None = None
    """Repeat rows of rare classes for training; by default every row is in the dataset once."""
    leakage: Leakage | None = None
    """What must not be in two splits at once; by default it isn't checked."""
    max_reject_fraction: float = Field(default=0.0, ge=0, le=1)
    """The share of rows that features may reject before the stage fails. By default none, so that no loss goes
    unnoticed."""

    @field_serializer("features")
    def _as_declared(self, features: FeatureSet) -> dict[str, Any]:
        return features.declared()

    @property
    def columns(self) -> dict[tuple[str | int, ...], str]:
        """The table's columns that the section names besides its features, by the path that names them."""
        windows, near = self.windows, self.leakage and self.leakage.near_duplicates
        keys = self.leakage.keys if self.leakage else []
        return {
            **{("split", *path): column for path, column in self.split.columns.items()},
            **{("leakage", "keys", index): column for index, column in enumerate(keys)},
            **({("leakage", "near_duplicates", "column"): near.column} if near else {}),
            **({("oversample", "column"): self.oversample.column} if self.oversample else {}),
            **({("windows", "order"): windows.order} if windows else {}),
            **({("windows", "known_by"): windows.known_by} if windows and windows.known_by else {}),
            **{("windows", "by", index): column for index, column in enumerate(windows.by if windows else ())},
        }
