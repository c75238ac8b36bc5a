from __future__ import annotations

import json

from laketrain.lake import Lake
from laketrain.lake.manifests import CommonManifest

from .round_trip import check_round_trip, version
from .test_clean import META as CLEAN
from .test_evaluation import ONE


def test_the_json_of_a_plugins_stage_is_read_and_written_as_it_was() -> None:
    check_round_trip(CommonManifest, '{"quarantine": 2, "metrics": {"recall_at_10": 0.75}}')


def test_the_keys_are_those_of_the_package_s_own_zones() -> None:
    assert CommonManifest.from_meta(json.loads(CLEAN)).quarantine == 1
    assert CommonManifest.from_meta(json.loads(ONE)).metrics == json.loads(ONE)["metrics"]


def test_values_may_be_any_json(local_lake: Lake) -> None:
    made = version(local_lake, "runs/r", {"metrics": [1], "quarantine": "none"})
    assert CommonManifest.of(made) == CommonManifest(metrics=[1], quarantine="none")
