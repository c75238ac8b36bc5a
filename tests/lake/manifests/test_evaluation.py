"""The section of one target is the meta itself, those of several are under `targets`."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from laketrain.lake.manifests import EvaluationManifest

from .round_trip import written

ONE = """{
 "split": "test",
 "warnings": ["classes 0, 2 of 'label' are never predicted: their precision is undefined"],
 "target": "label",
 "kind": "label",
 "task": "classification",
 "rows": 21,
 "metrics": {"accuracy": 0.3333333333333333, "macro_f1": 0, "loss": null,
  "classes": [{"label": "0", "precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 6}]},
 "confusion": [[0, 6, 0], [0, 7, 0], [0, 8, 0]],
 "labels": ["0", "1", "2"],
 "wrong": 14,
 "undefined": {"precision": ["0", "2"]},
 "mistakes": [{"row": 9, "true": 0, "predicted": 1, "probability": 0.58, "loss": 1.87}],
 "baselines": {"majority": 0.3333333333333333, "linear": 1.0},
 "figure": "accuracy",
 "baseline_rows": {"train": 28, "test": 21}
}"""
SEVERAL = """{
 "split": "test",
 "warnings": [],
 "metrics": {"sort.accuracy": 0.5, "sort.loss": null, "price.mae": 16.671517038906128},
 "targets": {
  "sort": {"kind": "label", "task": "classification", "rows": 34, "weight": 71.5, "masked": 3,
   "metrics": {"accuracy": 0.5, "classes": [{"label": "fruit", "rows": 17}], "loss": null}, "baselines": {}},
  "price": {"kind": "value", "task": "regression", "rows": 34,
   "metrics": {"mae": 16.671517038906128, "components": [{"label": "cost", "mae": 33.2}]}, "labels": ["cost"]}}
}"""


def test_the_json_of_an_evaluation_is_read_and_written_as_it_was() -> None:
    for text in (ONE, SEVERAL):
        meta = json.loads(text)
        assert written(EvaluationManifest.from_meta(meta)) == json.dumps(meta)


def test_the_section_of_a_single_target_has_its_name() -> None:
    manifest = EvaluationManifest.from_meta(json.loads(ONE))
    [(target, section)] = manifest.sections.items()
    assert (target, list(section)[:3], manifest.split) == ("label", ["kind", "task", "rows"], "test")
    assert manifest.metrics == json.loads(ONE)["metrics"]


def test_several_targets_have_their_sections_and_their_numbers_as_target_and_metric() -> None:
    manifest = EvaluationManifest.from_meta(json.loads(SEVERAL))
    assert manifest.sections == json.loads(SEVERAL)["targets"]
    assert manifest.metrics == {"sort.accuracy": 0.5, "sort.loss": None, "price.mae": 16.671517038906128}


def test_an_older_evaluation_is_of_a_label() -> None:
    manifest = EvaluationManifest.from_meta({"metrics": {"accuracy": 0.5}, "labels": ["a"]})
    assert manifest.sections == {"label": {"kind": "label", "metrics": {"accuracy": 0.5}, "labels": ["a"]}}
    assert (manifest.split, manifest.warnings) == ("", [])


def test_a_report_measured_nothing() -> None:
    manifest = EvaluationManifest.from_meta({"failed": False, "began": "2026-03-09T14:05:00+00:00"})
    assert (manifest.sections, manifest.metrics) == ({}, {})


NAMES = st.text("ab.é ", min_size=1, max_size=3)
JSON = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.lists(st.integers(), max_size=2)
SECTIONS = st.builds(lambda kind, metrics, more: {"kind": kind, "metrics": metrics, **more}, NAMES,
                     st.dictionaries(NAMES, JSON, min_size=1, max_size=2), st.dictionaries(NAMES, JSON, max_size=2))


@given(st.dictionaries(NAMES, SECTIONS, min_size=1, max_size=3), st.lists(NAMES, max_size=2))
def test_what_was_written_is_read_again(sections: dict[str, Any], warnings: list[str]) -> None:
    manifest = EvaluationManifest(split="test", warnings=warnings, sections=sections)
    assert EvaluationManifest.from_meta(json.loads(written(manifest))) == manifest
