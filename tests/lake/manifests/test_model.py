from __future__ import annotations

from laketrain.lake.manifests import ModelManifest

from .round_trip import check_round_trip

META = """{
 "history": [
  {"epoch": 1, "loss": 1.1526439189910889, "accuracy": 0.2857142984867096, "val_loss": 1.02483069896698,
   "learning_rate": 0.001, "seconds": 6.993847624002228, "rows_per_s": 4.003518736082643},
  {"epoch": 2, "loss": null, "accuracy": 0, "val_loss": 2e-05, "learning_rate": 1, "seconds": 0.1, "rows_per_s": 259}],
 "times": [[{"waiting_s": 0.66, "computing_s": 5.06, "averaging_s": 0.0}], [{"waiting_s": 8.1e-05, "computing_s": 1}]],
 "best": {"epoch": 1, "monitor": "val_loss", "value": 1.02483069896698, "keep": "best"},
 "weights": "82b49e07d812c5e2005ceee09f98d99143ea771d1924a3789a62594d9c6a18fc",
 "ranks": [{"rank": 0, "where": "container_e01_02", "waiting_s": 0.66, "computing_s": 5.12, "averaging_s": 0.0}],
 "slow_rank": null,
 "restarts": 0,
 "config": {"model": {"name": "linear"}, "split": "train", "epochs": 2, "ranks": {"min": 1, "max": 1}, "seed": null},
 "features": {"label": {"kind": "label", "column": "label", "role": "target", "classes": 3}},
 "outputs": {"label": {"task": "classification", "truth": "label"}},
 "windows": null
}"""


def test_the_json_of_a_lake_is_read_and_written_as_it_was() -> None:
    check_round_trip(ModelManifest, META)


def test_a_model_of_an_older_laketrain_has_no_outputs_of_its_own() -> None:
    manifest = ModelManifest.from_meta({"features": {"y": {"kind": "value"}}})
    assert (manifest.outputs, manifest.windows, manifest.history, manifest.best) == (None, None, [], {})
