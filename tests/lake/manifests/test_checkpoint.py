from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laketrain.lake.manifests import CheckpointManifest

from .round_trip import check_round_trip

META = """{
 "epochs": 2,
 "step": 3,
 "history": [{"epoch": 1, "loss": 1.5, "learning_rate": 0.1, "seconds": 0.71, "rows_per_s": 284.18429904488346}],
 "times": [[{"waiting_s": 0.0437, "computing_s": 0.478, "averaging_s": 0.0}]],
 "monitor": {"monitor": "val_loss", "maximise": false, "best": 1.4, "best_epoch": 2, "stop_wait": 0, "plateau_wait": 0,
  "stop_training": false, "lr_factor": 1.0, "stop_best": null, "plateau_best": null},
 "ranks": [{"random_states": [[1, 0], [4294967295, 7]], "sums": [0.5, 12]}],
 "learning_rate": 0.1
}"""


def test_the_json_of_a_lake_is_read_and_written_as_it_was() -> None:
    check_round_trip(CheckpointManifest, META)


def test_a_checkpoint_of_an_earlier_version_is_read() -> None:
    former = {"epochs": 2, "step": 3, "judge": {"monitor": "loss"}, "ranks": [{"chance": [[1, 0]], "sums": [0.5]}],
              "rate": 0.1}
    assert CheckpointManifest.from_meta(former) == CheckpointManifest(
        epochs=2, step=3, monitor={"monitor": "loss"}, ranks=[{"random_states": [[1, 0]], "sums": [0.5]}],
        learning_rate=0.1)


@pytest.mark.parametrize(("meta", "epoch"), [({}, 0), ({"epochs": 2}, 2), ({"epochs": 2, "step": 0}, 2),
                                             ({"epochs": 2, "step": 1}, None)])
def test_an_epoch_is_finished_unless_steps_of_the_next_were_made(meta: dict[str, int], epoch: int | None) -> None:
    assert CheckpointManifest.from_meta(meta).finished_epoch == epoch


@given(st.one_of(st.none(), st.integers(-10**6, 10**6), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_learning_rate_stays_whole_or_not(rate: float | None) -> None:
    assert repr(CheckpointManifest(learning_rate=rate).to_meta()["learning_rate"]) == repr(rate)
