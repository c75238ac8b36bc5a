"""Of jobs with the same work one works at a time, on every storage; a dead holder is replaced at once, or soon."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from laketrain.lake import Lake, lease
from laketrain.lake.lease import LEASES
from laketrain.lake.stores import local

HOLD = """
import sys, time
from laketrain.lake import Lake, lease
from laketrain.lake.stores import local
with lease(Lake(sys.argv[1]), "features/mnist", "key"):
    print("held", flush=True)
    time.sleep(600)
"""
SIGN = f"{LEASES}/features/mnist/key/00000000000000000007.json"


def test_of_five_concurrent_jobs_one_works_at_a_time_and_no_files_remain(lake: Lake) -> None:
    at_work, most, finished = 0, 0, []
    lock = threading.Lock()

    def job(number: int) -> None:
        nonlocal at_work, most
        with lease(lake, "features/mnist", "key"):
            with lock:
                at_work += 1
                most = max(most, at_work)
            time.sleep(0.05)
            with lock:
                at_work -= 1
            finished.append(number)

    jobs = [threading.Thread(target=job, args=(number,)) for number in range(5)]
    for thread in jobs:
        thread.start()
    for thread in jobs:
        thread.join()
    assert (most, sorted(finished)) == (1, [0, 1, 2, 3, 4])
    assert lake.store.list(LEASES, recursive=True) == []


def test_a_heartbeat_is_created_even_if_its_folder_is_deleted_at_that_instant(
        local_lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    store, written = local_lake.store, local._write_synced
    given_back = iter([True, True, False])

    def write(path: Path, data: bytes) -> None:
        if next(given_back):  # by the other job, between creating the folder and writing into it
            store.delete_empty(f"{LEASES}/a")
        written(path, data)

    monkeypatch.setattr(local, "_write_synced", write)
    store.create(f"{LEASES}/a/1", b"{}")
    assert store.read(f"{LEASES}/a/1") == b"{}"


def test_other_work_on_the_same_table_does_not_wait(lake: Lake) -> None:
    with lease(lake, "features/mnist", "a"), lease(lake, "features/mnist", "b"), lease(lake, "clean/mnist", "a"):
        assert len(lake.store.list(LEASES, recursive=True)) == 3


def test_a_failing_job_releases_its_lease(local_lake: Lake) -> None:
    with pytest.raises(OSError, match="no floor"), lease(local_lake, "features/mnist", "key"):
        raise OSError("no floor")
    with lease(local_lake, "features/mnist", "key", on_wait=pytest.fail):
        pass


def test_a_waiting_job_reports_the_holder_and_takes_over_at_once_when_it_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    messages: list[str] = []

    def kill(text: str) -> None:
        messages.append(text)
        holder.kill()
        holder.wait()

    with lease(Lake(tmp_path), "features/mnist", "key", on_wait=kill, patience=600):
        pass
    holder.stdout.close()
    assert len(messages) == 1
    assert f"(process {holder.pid}) is already doing this work" in messages[0]


def test_a_remote_holder_without_heartbeats_is_taken_over(local_lake: Lake) -> None:
    local_lake.store.create(SIGN, json.dumps({"by": "ann@far", "pid": 1, "machine": "far", "born": "5"}).encode())
    messages: list[str] = []
    with lease(local_lake, "features/mnist", "key", on_wait=messages.append, patience=0.2):
        signs = local_lake.store.list(LEASES, recursive=True)  # while the next is written, there are two
        assert signs and min(sign.path for sign in signs) > SIGN
    assert messages == ["ann@far (process 1) is already doing this work: waiting for it"]


def test_a_remote_holder_with_heartbeats_is_waited_for(local_lake: Lake) -> None:
    far, store = json.dumps({"by": "ann@far", "pid": 1, "machine": "far"}).encode(), local_lake.store
    started, ended = threading.Event(), threading.Event()

    def show_signs() -> None:
        for number in range(1, 17):
            store.create(f"{LEASES}/features/mnist/key/{number:020d}.json", far)
            started.set()
            time.sleep(0.25)
        ended.set()
        for number in range(1, 17):
            store.delete(f"{LEASES}/features/mnist/key/{number:020d}.json")

    signs = threading.Thread(target=show_signs)
    signs.start()
    assert started.wait(60)
    with lease(local_lake, "features/mnist", "key", patience=3):
        assert ended.is_set()
    signs.join()


def test_a_holder_sends_heartbeats_while_it_works_and_deletes_old_ones(local_lake: Lake) -> None:
    seen = set()
    with lease(local_lake, "features/mnist", "key", patience=0.2):
        until = time.monotonic() + 20
        while len(seen) < 3 and time.monotonic() < until:
            seen |= {file.path for file in local_lake.store.list(LEASES, recursive=True)}
            time.sleep(0.01)
        assert len(local_lake.store.list(LEASES, recursive=True)) <= 2
    assert len(seen) >= 3


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"{}", b'{"pid": "x", "machine": 3}'])
def test_a_damaged_heartbeat_is_waited_for_and_then_taken_over(local_lake: Lake, content: bytes) -> None:
    local_lake.store.create(SIGN, content)
    with lease(local_lake, "features/mnist", "key", patience=0.1):
        pass
