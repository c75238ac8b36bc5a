"""By `spark-submit --master yarn`, in both deploy modes: ranks in containers of their own, exit codes, logs."""

from __future__ import annotations

import re

import pytest

from cluster import Cluster

from .conftest import Submit
from .containers import application_of, said, yarn_logs
from .walk import Walk

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]


def test_ranks_in_containers_of_two_nodes_make_the_same_model_and_predictions(
        walked: Walk, submit: Submit, yarn: Cluster, url: str) -> None:
    """In cluster mode; in client mode, and from a package, other tests of this folder do the same and more."""
    done = submit("cluster", walked.config, "--lake", url)
    application = application_of(done.stderr)
    assert done.returncode == 0, "".join(said(yarn, application).values())
    assert walked.on(url).left == walked.left
    where = [rank["where"] for rank in walked.on(url).latest("models/small").entry.meta["ranks"]]
    assert len(set(where)) == 2 and all(one.startswith("container_") for one in where)
    gathered = yarn_logs(yarn, application)
    assert re.search(r"epoch +2/2 ", gathered)
    assert re.search(r"models/small@1 ", gathered)
    for rank in range(2):
        assert re.search(rf"^train: rank {rank} of 2: epoch 2 of 2, loss", gathered, re.MULTILINE)


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_a_mistake_in_the_config_ends_with_an_error_code_and_its_text_in_the_drivers_log(
        walked: Walk, submit: Submit, yarn: Cluster, url: str, mode: str) -> None:
    done = submit(mode, walked.config, "--lake", url, "--set", "train.epochs=three")
    assert done.returncode == {"client": 2, "cluster": 1}[mode]
    driver = done.stdout if mode == "client" else "".join(said(yarn, application_of(done.stderr)).values())
    assert re.search(r"\[config\] .*1 problem\n +- .*train\.epochs: .*three", driver), driver
    assert "Traceback" not in driver


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_data_that_are_not_there_end_with_an_error_code_and_the_reason_in_the_drivers_log(
        walked: Walk, submit: Submit, yarn: Cluster, url: str, mode: str) -> None:
    done = submit(mode, walked.config, "--lake", url, "--set", "sources.scans.path=/nowhere/*.csv")
    assert done.returncode == 1
    driver = done.stdout if mode == "client" else "".join(said(yarn, application_of(done.stderr)).values())
    assert re.search(r"\[ingest\] source 'scans': .*/nowhere/", driver), driver
    assert walked.on(url).lake.table("raw", "scans").versions() == []
