"""The page of a run with several targets: evaluation, errors and predictions, each under its target's name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from laketrain.evaluate.merge import accumulators_of, merge_parts
from laketrain.features import FeatureSet
from laketrain.lake.manifests import EvaluationManifest
from laketrain.report.page import render
from laketrain.stages import RunRecord
from laketrain.tasks import default_outputs

from ..lakes import Built, build, commit, workload
from ..parsed_page import Page

FEATURES = FeatureSet.model_validate({
    "shape": {"kind": "label", "names": ["round", "square"]},
    "tags": {"kind": "multilabel", "names": ["new", "sale", "heavy"]},
    "price": {"kind": "value", "columns": ["cost", "weight"]}})
WEIGHT = dict(FeatureSet.model_validate({"w": {"kind": "weight"}}).items())
ROWS = 200
BASELINES = {"shape": {"majority": 0.5}, "tags": {"majority": 0.2, "linear": 0.4},
             "price": {"mean": 9.0, "linear": 2.5}}


def meta_of(*targets: str, weights: Any = None) -> dict[str, Any]:
    """An evaluation of a model that is mostly right."""
    random = np.random.default_rng(0)
    features = FeatureSet.of({**{name: FEATURES[name] for name in targets}, **({} if weights is None else WEIGHT)})
    shape, tags = random.integers(0, 2, ROWS), (random.random((ROWS, 3)) < 0.4).astype(np.uint8)
    price = random.normal([100, 2], [30, 1], (ROWS, 2)).astype(np.float32)
    truth = {"shape": shape, "tags": tags, "price": price}
    predictions = {"shape": np.eye(2)[np.where(random.random(ROWS) < 0.8, shape, 1 - shape)] * 0.8 + 0.1,
                   "tags": np.clip(tags * 0.6 + random.random((ROWS, 3)) * 0.5, 0, 1),
                   "price": price + random.normal(0, [8, 0.3], (ROWS, 2))}
    outputs = default_outputs(features)
    accumulators = accumulators_of(outputs, ROWS, worst=6)
    for name, accumulator in accumulators.items():
        accumulator.add(np.arange(ROWS), truth[name], predictions[name].astype(np.float32), weights)
    parts = [{name: accumulator.part() for name, accumulator in accumulators.items()}]
    sections = merge_parts(outputs, parts, worst=6, weighted=weights is not None)
    for name, section in sections.items():
        section.update({"baselines": BASELINES[name], "baseline_rows": {"train": 213, "test": 61}})
    return EvaluationManifest(split="test", warnings=["it leaks <b>"], sections=sections).to_meta()


def record_of(built: Built, meta: dict[str, Any], gate: dict[str, str], **counts: Any) -> RunRecord:
    """The run, with this evaluation and predictions of these targets."""
    evaluation = commit(built.lake, "runs/targets", "evaluate", [built.version("train"), built.version("convert")], {},
                        meta=meta, counts={"rows": ROWS, **counts})
    predicted = {"shape": {"classes": {"round": 30, "square": 10}}, "tags": {"classes": {"new": 12}},
                 "price": {"values": {"least": 20.5, "mean": 99.25, "most": 180.0}}}
    scored = commit(built.lake, "predictions/targets", "predict", [built.version("train")], {},
                    meta={"predicted": predicted}, counts={"in": 40, "out": 40, "quarantined": 0})
    versions = {"evaluate": evaluation, "predict": scored}
    outcomes = tuple(replace(outcome, version=versions.get(outcome.stage, outcome.version))
                     for outcome in built.record.outcomes)
    return replace(built.record, outcomes=outcomes,
                   workload=workload(built.lake.url, evaluate={"gate": gate}))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("targets"))


@pytest.fixture(scope="module")
def page(built: Built) -> Page:
    gate = {"shape.accuracy": ">= 0.7", "price.mae": "<= 0.001"}
    return Page(render(built.lake, record_of(built, meta_of("shape", "tags", "price"), gate)))


@pytest.mark.parametrize(("section", "texts"), [
    ("head", ["Accuracy of shape", "Micro F1 of tags", "the gate asks ≥ 0.7"]),
    ("comparison", ["shape : Accuracy on 200 rows", "tags : Micro F1", "price : Mean absolute error",
                    "The baselines were learnt from 213 rows and measured on 61 rows.", "price.mae",
                    "the gate asks ≤ 0.001; broken", "subset accuracy"]),
    ("confusion", ["shape", "round", "square"]),
    ("classes", ["shape", "tags", "sale", "heavy"]),
    ("errors", ["price", "cost: Predicted over true", "weight: Predicted minus true", "6 rows that are farthest off"]),
    ("predictions", ["shape", "square", "10", "price", "99.2500"]),
])
def test_each_target_has_its_results(page: Page, section: str, texts: list[str]) -> None:
    assert [text for text in texts if text not in page.sections[section]] == []


def test_warnings_are_at_the_top(page: Page) -> None:
    assert "! it leaks <b>" in page.sections["head"]


def test_rows_with_weights_are_shown_with_the_sum_of_their_weights(built: Built) -> None:
    weights = np.tile([0.0, 0.25, 1.5, 3.0], ROWS // 4)
    meta = meta_of("shape", "tags", "price", weights=weights)
    page = Page(render(built.lake, record_of(built, meta, {}, weight=float(weights.sum()), masked=ROWS // 4)))
    text = "on 150 of 200 rows of {}test, of weight 237.5 (the others have weight 0 and count in nothing)"
    assert text.format("") in page.sections["head"]
    assert text.format("split ") in page.sections["comparison"]
    assert "Weight of rows by true class" in page.sections["confusion"]
    assert "rows weight round" in page.sections["classes"]
    assert "means by the rows' weights" in page.sections["errors"]
    assert not [section for section in page.sections.values() if "could not be drawn" in section]


def test_plots_are_drawn_and_described(page: Page) -> None:
    labels = [drawing["aria-label"] for drawing in page.of("svg")]
    assert labels.count("Predicted over true numbers of 200 predictions") == 2
    assert labels.count("Histogram of predicted minus true numbers") == 2


def test_a_single_target_needs_no_name(built: Built) -> None:
    page = Page(render(built.lake, record_of(built, meta_of("price"), {"mae": "<= 50"})))
    assert "Mean absolute error on 200 rows" in page.sections["comparison"]
    assert "kept" in page.sections["comparison"]
    assert "confusion" not in page.sections and "errors" in page.sections


def test_infinite_numbers_are_left_out_of_plots(built: Built) -> None:
    meta = meta_of("price")
    meta["sample"]["predicted"][0][0] = float("inf")
    page = Page(render(built.lake, record_of(built, meta, {})))
    assert "could not be drawn" not in page.sections["errors"]
    assert "Predicted over true numbers of 199 predictions" in [svg["aria-label"] for svg in page.of("svg")]


def test_many_components_are_drawn_together(built: Built) -> None:
    meta = meta_of("price")
    meta["metrics"]["components"] *= 3
    for side in ("true", "predicted"):
        meta["sample"][side] = [row * 3 for row in meta["sample"][side]]
    page = Page(render(built.lake, record_of(built, meta, {})))
    assert "Predicted over true numbers of 600 predictions" in [svg["aria-label"] for svg in page.of("svg")]


def test_a_line_in_the_terminal_has_the_headline_metric_of_each_target(built: Built) -> None:
    from laketrain.report.terminal.listener import _headlines

    def headlines(*targets: str) -> str:
        return _headlines(EvaluationManifest.from_meta(meta_of(*targets)))

    assert headlines("price").endswith(", mean 9.0000, linear 2.5000")
    assert headlines("shape", "price").startswith("shape accuracy 0.")
    assert "; price mae " in headlines("shape", "price")
