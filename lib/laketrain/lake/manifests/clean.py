"""The manifest of versions in `clean/`: clean writes it and reads that of the previous version."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from laketrain.lake.manifests.base import Manifest


class CleanManifest(Manifest):
    """How a clean table was made of the files of a raw version.

    Attributes:
        quarantine: the number of the version of `quarantine/<name>` with the rejected rows.
        rules: the settings of each rule, in the order in which they ran.
        fitted: for each rule that learnt statistics, its name, method and `values`, a dict for each group of rows.
            Absent if no rule did.
        drift: the number of files by change (`new`, `missing`, `retyped`) and column. Absent if there was none.
        pinned: an inferred schema that later files must have: the `source` (`raw/<name>`), its `format`, and `schema`,
            Spark's JSON of it. Absent if the source declares its columns.
    """

    quarantine: int | None = None
    rules: list[dict[str, Any]] = Field(default_factory=list)
    fitted: list[dict[str, Any]] = Field(default_factory=list)
    drift: dict[str, dict[str, int]] = Field(default_factory=dict)
    pinned: dict[str, Any] = Field(default_factory=dict)
