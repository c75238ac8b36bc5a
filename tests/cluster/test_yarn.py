"""By `spark-submit --master yarn`, in both deploy modes: ranks in containers of their own, exit codes, logs."""

from __future__ import annotations

import re

import pytest

from cluster import Cluster

from .conftest import Submit
from .containers import application_of, logs, yarn_logs
from .packaged import PackagedJob
from .walk import Walk

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]


def test_ranks_in_containers_of_two_nodes_make_the_same_model_and_predictions(
        walked: Walk, packaged: PackagedJob, yarn: Cluster) -> None:
    assert_two_ranks_trained(walked, packaged.walk, packaged.application, yarn)


@pytest.mark.soak
def test_a_job_that_is_not_packed_makes_the_same_model_and_predictions(
        walked: Walk, submit: Submit, yarn: Cluster, url: str) -> None:
    """In cluster mode, from the disk that the nodes share; tests/cluster/test_faults_yarn.py uses client mode."""
    done = submit("cluster", walked.config, "--lake", url)
    application = application_of(done.stderr)
    assert done.returncode == 0, "".join(logs(yarn, application).values())
    assert_two_ranks_trained(walked, walked.on(url), application, yarn)


def assert_two_ranks_trained(walked: Walk, walk: Walk, application: str, yarn: Cluster) -> None:
    assert walk.left == walked.left
    containers = [rank["where"] for rank in walk.latest("models/small").entry.meta["ranks"]]
    assert len(set(containers)) == 2 and all(name.startswith("container_") for name in containers)
    collected = yarn_logs(yarn, application)
    assert re.search(r"epoch +2/2 ", collected)
    assert re.search(r"models/small@1 ", collected)
    for rank in range(2):
        assert re.search(rf"^train: rank {rank} of 2: epoch 2 of 2, loss", collected, re.MULTILINE)


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_a_mistake_in_the_config_ends_with_an_error_code_and_its_text_in_the_drivers_log(
        walked: Walk, submit: Submit, yarn: Cluster, url: str, mode: str) -> None:
    done = submit(mode, walked.config, "--lake", url, "--set", "train.epochs=three")
    assert done.returncode == {"client": 2, "cluster": 1}[mode]
    driver = done.stdout if mode == "client" else "".join(logs(yarn, application_of(done.stderr)).values())
    assert re.search(r"\[config\] .*1 problem\n +- .*train\.epochs: .*three", driver), driver
    assert "Traceback" not in driver


@pytest.mark.parametrize("mode", ["client", "cluster"])
def test_data_that_are_not_there_end_with_an_error_code_and_the_reason_in_the_drivers_log(
        walked: Walk, submit: Submit, yarn: Cluster, url: str, mode: str) -> None:
    done = submit(mode, walked.config, "--lake", url, "--set", "sources.scans.path=/nowhere/*.csv")
    assert done.returncode == 1
    driver = done.stdout if mode == "client" else "".join(logs(yarn, application_of(done.stderr)).values())
    assert re.search(r"\[ingest\] source 'scans': .*/nowhere/", driver), driver
    assert walked.on(url).lake.table("raw", "scans").versions() == []
