"""By `spark-submit --master yarn`, in both deploy modes: ranks in containers of their own, exit codes, logs."""

from __future__ import annotations

import re
import subprocess

import pytest

from cluster import Cluster

from .conftest import Begin, Submit
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


def test_a_mistake_in_the_config_ends_with_an_error_code_and_its_text_in_the_drivers_log(
        walked: Walk, begin: Begin, yarn: Cluster, url: str) -> None:
    codes = {"client": 2, "cluster": 1}
    jobs = {mode: begin(mode, walked.config, "--lake", url, "--set", "train.epochs=three") for mode in codes}
    for mode, job in jobs.items():
        log = driver_log(mode, job, yarn)
        assert job.returncode == codes[mode], log
        assert re.search(r"\[config\] .*1 problem\n +- .*train\.epochs: .*three", log), log
        assert "Traceback" not in log


def test_missing_data_end_with_an_error_code_and_the_reason_in_the_drivers_log(
        walked: Walk, begin: Begin, yarn: Cluster, url: str) -> None:
    walks = {mode: walked.on(f"{url}/{mode}") for mode in ("client", "cluster")}
    jobs = {mode: begin(mode, walked.config, "--lake", walk.lake.url, "--set", "sources.scans.path=/nowhere/*.csv")
            for mode, walk in walks.items()}
    for mode, job in jobs.items():
        log = driver_log(mode, job, yarn)
        assert job.returncode == 1, log
        assert re.search(r"\[ingest\] source 'scans': .*/nowhere/", log), log
        assert walks[mode].lake.table("raw", "scans").versions() == []


def driver_log(mode: str, job: subprocess.Popen[str], yarn: Cluster) -> str:
    """The output of the job's driver, once the job has ended: of its process here, or of its container."""
    out, err = job.communicate()
    return out if mode == "client" else "".join(logs(yarn, application_of(err)).values())
