from __future__ import annotations

from laketrain.lake.manifests import CleanManifest

from .round_trip import check_round_trip, written

META = """{
 "quarantine": 1,
 "rules": [
  {"rule": "cast", "column": "x", "to": "double", "format": null, "zone": null, "decimal": null, "thousands": null},
  {"rule": "outliers", "columns": ["x"], "method": "iqr", "limit": null, "by": [], "action": "null"}],
 "fitted": [
  {"rule": "outliers(x)", "method": "iqr", "limit": 1.5, "by": ["k"], "groups": 1,
   "values": [{"group": {"k": "a"}, "center": 3.0, "spread": 2.0, "low": -1.0, "high": 7.0}]},
  {"rule": "impute(y)", "method": "median", "values": [{"value": 2}]}],
 "drift": {"retyped": {"x": 1}, "new": {"colour": 2}},
 "pinned": {"source": "raw/s", "format": "orc", "schema": {"fields": [
  {"metadata": {}, "name": "x", "nullable": true, "type": "decimal(5,2)"}], "type": "struct"}}
}"""


def test_the_json_of_a_lake_is_read_and_written_as_it_was() -> None:
    check_round_trip(CleanManifest, META)


def test_an_older_version_pins_no_schema() -> None:
    assert CleanManifest.from_meta({}).pinned == {}


def test_the_order_of_the_keys_is_that_of_the_fields() -> None:
    manifest = CleanManifest(drift={"new": {"x": 1}}, rules=[], quarantine=2)
    assert written(manifest) == '{"quarantine": 2, "rules": [], "drift": {"new": {"x": 1}}}'
