"""Losses of numbers equal NumPy, with a value for each row."""

from __future__ import annotations

import numpy as np
import pytest

from laketrain.config.loss import Loss
from laketrain.imports import import_tensorflow
from laketrain.tasks.losses import binary_loss, number_loss

pytestmark = pytest.mark.slow

TRUTH = np.random.default_rng(1).uniform(0.1, 2, (5, 2, 3)).astype(np.float32)
OUTPUTS = np.random.default_rng(2).uniform(0.1, 2, (5, 2, 3)).astype(np.float32)


def huber(error: np.ndarray, delta: float) -> np.ndarray:
    return np.where(np.abs(error) <= delta, error**2 / 2, delta * (np.abs(error) - delta / 2))


@pytest.mark.parametrize(("settings", "expected"), [
    (Loss(name="mse"), (TRUTH - OUTPUTS) ** 2), (Loss(name="mae"), np.abs(TRUTH - OUTPUTS)),
    (Loss(name="huber", delta=0.5), huber(TRUTH - OUTPUTS, 0.5)),
    (Loss(name="log_cosh"), np.log(np.cosh(TRUTH - OUTPUTS))),
    (Loss(name="quantile", quantile=0.9), np.maximum(0.9 * (TRUTH - OUTPUTS), -0.1 * (TRUTH - OUTPUTS))),
    (Loss(name="poisson"), OUTPUTS - TRUTH * np.log(OUTPUTS))], ids=lambda value: getattr(value, "name", ""))
def test_a_loss_of_numbers_is_the_mean_over_a_row(settings: Loss, expected: np.ndarray) -> None:
    import_tensorflow()
    result = np.asarray(number_loss(settings.name, settings)(TRUTH, OUTPUTS))
    np.testing.assert_allclose(result, expected.reshape(5, -1).mean(axis=1), rtol=1e-4, atol=1e-5)


def test_crossentropy_is_the_same_of_logits_and_of_probabilities() -> None:
    import_tensorflow()
    truth = (TRUTH > 1).astype(np.float32)
    logits = OUTPUTS * 3 - 3
    probabilities = 1 / (1 + np.exp(-logits))
    settings = Loss(name="binary_crossentropy")
    expected = -(truth * np.log(probabilities) + (1 - truth) * np.log(1 - probabilities)).reshape(5, -1).mean(axis=1)
    for outputs, from_logits in ((logits, True), (probabilities, False)):
        result = np.asarray(binary_loss(settings.name, settings, from_logits)(truth, outputs))
        np.testing.assert_allclose(result, expected, rtol=1e-4)
