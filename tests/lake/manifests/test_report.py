from __future__ import annotations

from laketrain.lake.manifests import ReportManifest

from .round_trip import check_round_trip


def test_the_json_of_a_lake_is_read_and_written_as_it_was() -> None:
    check_round_trip(ReportManifest, '{"failed": true, "began": "2026-03-09T14:05:00.123456+00:00"}')
