"""Plots of a run for notebooks."""

from __future__ import annotations

import pytest

from laketrain.report.figures import confusion, learning_curves

HISTORY = [{"epoch": epoch, "loss": 1 / epoch, "accuracy": 0.6, "val_loss": 2 / epoch, "val_accuracy": 0.5}
           for epoch in (1, 2)]


def test_each_metric_has_curves_of_both_splits() -> None:
    axes = learning_curves(HISTORY).axes
    assert [cell.get_title() for cell in axes] == ["loss", "accuracy"]
    assert [[line.get_ydata().tolist() for line in cell.lines] for cell in axes[:1]] == [[[1, 0.5], [2, 1]]]


def test_without_validation_the_loss_is_drawn() -> None:
    [axes] = learning_curves([{"epoch": 1, "loss": 1.0}]).axes
    assert (axes.get_title(), len(axes.lines)) == ("loss", 1)


@pytest.mark.parametrize(("weight", "texts"), [({}, ["8", "2"]), ({"weight": 10.5}, ["8", "2"])])
def test_a_confusion_matrix_shows_cells_with_rows(weight: dict[str, float], texts: list[str]) -> None:
    evaluation = {"confusion": [[8, 2], [0, 0]], "labels": ["cat", "dog"], "metrics": {"accuracy": 0.8}, **weight}
    [axes] = confusion(evaluation).axes
    assert [text.get_text() for text in axes.texts] == texts
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
