from __future__ import annotations

from laketrain.lake.manifests import IntegratedManifest

from .round_trip import check_round_trip


def test_the_json_of_a_lake_is_read_and_written_as_it_was() -> None:
    check_round_trip(IntegratedManifest, '{"quarantine": 3}')
