from __future__ import annotations

from laketrain.lake.manifests import PredictionsManifest

from .round_trip import check_round_trip

META = """{
 "predicted": {"label": {"classes": {"1": 56, "10": 2}},
  "trips": {"values": {"least": 2.9953630774615334, "mean": 33, "most": null}}, "copy": {}},
 "way": "68d3225c377dd21ac8e790a58f97f351c5ae46212c448b82c8dd4075e70886b0"
}"""


def test_the_json_of_a_lake_is_read_and_written_as_it_was() -> None:
    check_round_trip(PredictionsManifest, META)


def test_predictions_without_a_fingerprint_were_scored_with_no_known_model() -> None:
    assert PredictionsManifest.from_meta({"predicted": {}}).scored_with == ""
