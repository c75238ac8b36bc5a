"""Metrics from a confusion matrix equal scikit-learn's from the labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from laketrain.features import Label
from laketrain.tasks.class_scores import summarise
from laketrain.tasks.classification.measure import merge_confusions

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)
LABELS = ("ant", "bee", "cat", "dog")


def confusion_of(pairs: list[tuple[int, int]]) -> np.ndarray:
    matrix = np.zeros((4, 4), np.int64)
    for true, predicted in pairs:
        matrix[true, predicted] += 1
    return matrix


def part(pairs: list[tuple[int, int]]) -> dict[str, object]:
    matrix = confusion_of(pairs)
    mistakes = [{"row": row, "true": t, "predicted": p, "probability": 0.5, "loss": float(t + p)}
                for row, (t, p) in enumerate(pairs) if t != p]
    return {"rows": len(pairs), "weight": float(len(pairs)), "masked": 0, "confusion": matrix.tolist(),
            "class_rows": matrix.sum(axis=1).tolist(), "wrong": len(mistakes), "loss": float(len(pairs)),
            "mistakes": mistakes}


@given(pairs=PAIRS)
def test_scores_equal_scikit_learns_of_the_raw_labels(pairs: list[tuple[int, int]]) -> None:
    true, predicted = np.array(pairs).T
    scores = summarise(confusion_of(pairs), LABELS)
    assert scores["accuracy"] == pytest.approx(np.mean(true == predicted))
    classes = np.arange(4)
    precision, recall, f1, rows = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=classes, zero_division=0.0)
    occurs = np.isin(classes, [true, predicted])
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        assert [row[name] is not None for row in scores["classes"]] == occurs.tolist()
        assert [row[name] for row in scores["classes"] if row[name] is not None] == pytest.approx(
            values[occurs].tolist())
    macro = sklearn_metrics.precision_recall_fscore_support(true, predicted, average="macro", zero_division=0.0)[:3]
    assert [scores[f"macro_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(macro, abs=1e-12)
    assert [row["rows"] for row in scores["classes"]] == rows.tolist()
    assert [row["label"] for row in scores["classes"]] == list(LABELS)


def test_scores_of_a_confusion_matrix_equal_a_calculation_by_hand() -> None:
    """8 of 10 cats and 6 of 10 dogs are right; 12 predictions are cat, 8 dog."""
    scores = summarise(np.array([[8, 2], [4, 6]]), ["cat", "dog"])
    assert scores["accuracy"] == pytest.approx(14 / 20)
    assert [row["precision"] for row in scores["classes"]] == pytest.approx([8 / 12, 6 / 8])
    assert [row["recall"] for row in scores["classes"]] == pytest.approx([0.8, 0.6])
    assert scores["macro_recall"] == pytest.approx(0.7)


def test_a_class_without_rows_and_predictions_is_left_out_of_means() -> None:
    scores = summarise(np.array([[5, 0, 0], [0, 5, 0], [0, 0, 0]]), ["a", "b", "c"])
    assert scores["classes"][2] == {"label": "c", "precision": None, "recall": None, "f1": None, "rows": 0}
    assert scores["macro_f1"] == 1.0


def test_a_class_with_only_rows_or_only_predictions_counts_as_zero() -> None:
    true, predicted = np.array([0, 0, 1, 1]), np.array([0, 2, 0, 0])
    matrix = np.zeros((4, 4), np.int64)
    np.add.at(matrix, (true, predicted), 1)
    scores = summarise(matrix, LABELS)
    expected = sklearn_metrics.f1_score(true, predicted, average="macro")
    assert scores["macro_f1"] == pytest.approx(expected, abs=1e-12)
    assert [entry["f1"] for entry in scores["classes"]] == [pytest.approx(0.4), 0.0, 0.0, None]


@given(pairs=PAIRS, random=st.randoms(use_true_random=False), worst=st.integers(0, 9))
def test_merged_parts_equal_the_whole_for_any_partitioning(pairs: list[tuple[int, int]], random: object,
                                                           worst: int) -> None:
    whole = part(pairs)
    ends = sorted(random.choices(range(len(pairs) + 1), k=3))
    cuts = list(zip([0, *ends], [*ends, len(pairs)], strict=True))
    parts = []
    for start, end in cuts:
        piece = part(pairs[start:end])
        piece["mistakes"] = [mistake for mistake in whole["mistakes"] if start <= mistake["row"] < end]
        parts.append(piece)
    result = merge_confusions(Label(column="animal", names=LABELS), parts, worst)
    np.testing.assert_array_equal(result["confusion"], confusion_of(pairs))
    assert result["metrics"]["loss"] == pytest.approx(1.0)
    ordered = sorted(whole["mistakes"], key=lambda mistake: (-mistake["loss"], mistake["row"]))
    assert result["mistakes"] == ordered[:worst]
