from __future__ import annotations

import pytest

from laketrain.errors import LakeError
from laketrain.lake import Lake
from laketrain.lake.manifests import DatasetManifest

from .round_trip import check_round_trip, version

META = """{
 "features": {
  "image": {"kind": "image", "column": "pixels", "role": "input", "shape": [2, 2, 3], "encoded": false,
   "resize": "none", "quality": null, "statistics": {"mean": 0.3425420168067227, "std": 0.38382740546369487}},
  "rain_mm": {"kind": "number", "column": "rain_mm", "role": "input", "statistics": {"middle": [4.345847379897e-311]}},
  "label": {"kind": "label", "column": "label", "role": "target", "classes": 3, "names": null,
   "statistics": {"rows": [11, 8, 9]}},
  "id": {"kind": "key", "column": "id", "role": "id"}},
 "rows_per_group": 52428,
 "classes": {"train": {"label": [11, 8, 9]}, "test": {"label": [6, 7, 0]}},
 "bucket_files": {"train": [1, 2], "test": [1, 0]},
 "windows": {"by": ["station"], "order": "hour", "lookback": 6, "horizon": 1, "step": 1, "known_by": null},
 "leaks": ["'patient' leaks between train and test: 3 values, e.g. p-17"],
 "narrow": [],
 "split_seed": 0,
 "quarantine": 1
}"""


def test_the_json_of_a_lake_is_read_and_written_as_it_was() -> None:
    check_round_trip(DatasetManifest, META)


def test_a_dataset_without_windows_records_that_it_has_none() -> None:
    check_round_trip(DatasetManifest, '{"features": {}, "classes": {}, "windows": null, "leaks": []}')


def test_classes_that_were_not_counted_differ_from_a_dataset_without_classes() -> None:
    assert DatasetManifest.from_meta({}).classes is None
    assert DatasetManifest.from_meta({"classes": {}}).classes == {}


def test_a_value_of_another_type_is_named(local_lake: Lake) -> None:
    made = version(local_lake, "features/d", {"bucket_files": {"train": 3}})
    with pytest.raises(LakeError, match=r"features/d@1.* unexpected value of meta\.bucket_files\.train"):
        DatasetManifest.of(made)
