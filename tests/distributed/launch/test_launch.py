"""Ranks start together, report in order, and all end when one fails; then the next launch works."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from tests.backends import EACH_BACKEND, needs_horovod

from cluster.ports import free_ports, free_row
from laketrain.distributed import World, launch
from laketrain.errors import DataError, LaunchError, RankError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow


def alive(pid: int) -> bool:
    """Whether the process runs and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def eventually(happens: Callable[[], bool], seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while not happens() and time.monotonic() < end:
        time.sleep(0.1)
    return happens()


class Pids(dict[int, int]):
    """Records the process of each rank when it is reported."""

    def __call__(self, rank: int, event: dict[str, Any]) -> None:
        if "pid" in event:
            self[rank] = event["pid"]

    def all_end(self) -> bool:
        return bool(self) and eventually(lambda: not any(map(alive, self.values())))


def test_results_come_in_rank_order_and_events_in_the_order_reported(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import numpy as np

        for step in range(300):
            report({"step": step, "loss": np.float32(0.5), "nan": float("nan")})
        print("printed to standard output")
        return {"rank": world.rank, "size": world.size, "array": np.arange(2), "tuple": (1, None)}

    events: list[tuple[int, dict[str, Any]]] = []
    results = launch(spark, task, 2, on_event=lambda rank, event: events.append((rank, event)), deadline=200)

    assert results == [{"rank": rank, "size": 2, "array": [0, 1], "tuple": [1, None]} for rank in (0, 1)]
    for rank in (0, 1):
        assert [event["step"] for who, event in events if who == rank] == list(range(300))
    assert events[0][1]["loss"] == 0.5
    assert events[0][1]["nan"] != events[0][1]["nan"]


def test_a_second_launch_reuses_the_processes_in_a_clean_state(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> dict[str, Any]:
        import sys
        import threading

        import keras
        from tensorflow.python.autograph.pyct import loader

        name = keras.layers.Dense(1).name
        left = [module for module in sys.modules if module.startswith("__autograph")]
        _, made = loader.load_source("", delete_on_exit=True)  # as TensorFlow does with user code
        return {"pid": os.getpid(), "name": name, "made": made, "left": left, "buffered": sys.stdout.line_buffering,
                "threads": sorted(thread.name for thread in threading.enumerate() if "laketrain" in thread.name),
                "files": opened(), "environment": dict(os.environ)}

    def opened() -> int:
        """Number of open files, without connections: the one to the driver is opened when needed."""
        links = (os.path.join("/proc/self/fd", number) for number in os.listdir("/proc/self/fd"))
        return sum(not os.readlink(link).startswith("socket:") for link in links if os.path.islink(link))

    import os

    def bare(rows: Any) -> list[dict[str, str]]:
        return [dict(os.environ)]

    launch(spark, task, 2, deadline=200)
    first, second = (launch(spark, task, 2, deadline=200) for _ in range(2))
    assert sorted(rank["pid"] for rank in first) == sorted(rank["pid"] for rank in second)
    assert {rank["name"] for rank in second} == {"dense"}
    assert [rank["left"] for rank in second] == [[], []]
    assert not any(os.path.exists(rank["made"]) for rank in first + second)
    assert {tuple(rank["threads"]) for rank in second} == {("laketrain-parent-watch", "laketrain-report")}
    assert max(rank["files"] for rank in second) <= max(rank["files"] for rank in first)
    assert second[0]["environment"]["OMP_NUM_THREADS"] == second[0]["environment"]["TF_NUM_INTRAOP_THREADS"]
    outside = spark.sparkContext.parallelize(range(2), 2).mapPartitions(bare).collect()
    names = {name for each in outside for name in each}
    assert not any(name.startswith(("HOROVOD", "LAKETRAIN_RANK", "LAKETRAIN_POOL")) for name in names)


def test_a_rank_has_the_requested_threads(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> str:
        return os.environ["TF_NUM_INTRAOP_THREADS"]

    assert launch(spark, task, 1, threads=3) == ["3"]


def test_the_error_of_a_rank_that_raises_has_its_step_cause_and_last_lines(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> None:
        report({"pid": os.getpid()})
        for step in range(5):
            report({"epoch": 2, "step": step})
            if world.rank == 1 and step == 3:
                print("the learning rate is", 42)
                raise ValueError("no such batch")
            world.sum(1.0)

    pids = Pids()
    with pytest.raises(RankError) as caught:
        launch(spark, task, 2, on_event=pids, deadline=200, name="fit")
    assert caught.value.rank == 1
    assert caught.value.stage == "fit"
    assert caught.value.subject == "rank 1 of 2, epoch 2, step 3"
    assert caught.value.problem == "ValueError: no such batch"
    assert "the learning rate is 42" in caught.value.log
    assert 'raise ValueError("no such batch")' in caught.value.log
    assert "py4j" not in str(caught.value).lower()
    assert pids.all_end()


def test_our_own_errors_keep_their_class_and_fields(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> None:
        raise DataError("train", "column 'age'", "got NaN", "fill it")

    with pytest.raises(DataError) as caught:
        launch(spark, task, 1, deadline=200)
    assert caught.value.args == ("train", "column 'age'", "got NaN", "fill it")
    assert isinstance(caught.value.__cause__, RankError)
    assert caught.value.__cause__.rank == 0


@pytest.mark.parametrize("backend", EACH_BACKEND)
def test_a_killed_rank_is_named_and_the_next_launch_works(spark: SparkSession, backend: str) -> None:
    def task(world: World, report: Any) -> None:
        report({"pid": os.getpid(), "step": 7})
        print("rank", world.rank, "is well")
        world.barrier()
        if world.rank == 1:
            time.sleep(600)
        world.barrier()

    pids = Pids()

    def kill(rank: int, event: dict[str, Any]) -> None:
        pids(rank, event)
        if len(pids) == 2:
            time.sleep(1)
            os.kill(pids[1], 9)

    with pytest.raises(RankError) as caught:
        launch(spark, task, 2, on_event=kill, deadline=200, backend=backend)
    assert caught.value.rank == 1
    assert "rank 1 of 2, step 7" in caught.value.subject
    assert "its process died" in caught.value.problem
    assert "rank 1 is well" in caught.value.log
    assert pids.all_end()
    assert launch(spark, lambda world, report: world.sum(1), 2, deadline=200, backend=backend) == [2, 2]


@pytest.mark.parametrize(("where", "backend"), [
    pytest.param("in a collective", "horovod", marks=needs_horovod), ("in a collective", "tensorflow"),
    pytest.param("alone", "auto", marks=pytest.mark.soak)])
def test_the_error_of_a_rank_that_hangs_has_the_line_at_which_it_is(spark: SparkSession, where: str, backend: str
                                                                    ) -> None:
    def task(world: World, report: Any) -> None:
        report({"pid": os.getpid(), "step": 3})
        if world.rank == 1:
            time.sleep(600)
        if where == "in a collective":
            world.barrier()

    pids = Pids()
    started = time.monotonic()
    with pytest.raises(RankError) as caught:
        launch(spark, task, 2, on_event=pids, deadline=8, backend=backend)
    assert time.monotonic() - started < 150
    assert caught.value.rank == 1
    assert "rank 1 of 2, step 3" in caught.value.subject
    assert "no progress for 8 s" in caught.value.problem
    assert "time.sleep(600)" in caught.value.problem
    assert pids.all_end()


def test_more_ranks_than_slots_are_refused_with_both_numbers(spark: SparkSession) -> None:
    with pytest.raises(LaunchError, match=r"3 ranks: Spark \(local\[2\]\) has 2 slots. Next: ask for at most 2 ranks"):
        launch(spark, lambda world, report: None, 3)


@pytest.mark.parametrize("ranks", [0, -1, 2.0, True, "2"])
def test_the_number_of_ranks_is_a_whole_number_from_one(spark: SparkSession, ranks: Any) -> None:
    with pytest.raises(LaunchError, match="expected a whole number from 1"):
        launch(spark, lambda world, report: None, ranks)


@pytest.mark.parametrize(
    ("result", "message"),
    [(object(), "object is not JSON serializable"), ({1, 2}, "set is not JSON serializable")],
)
def test_a_result_that_is_not_json_is_refused(spark: SparkSession, result: Any, message: str) -> None:
    with pytest.raises(LaunchError, match=message):
        launch(spark, lambda world, report: result, 1)


def test_an_event_that_is_not_a_dictionary_of_json_fails_where_it_is_reported(spark: SparkSession) -> None:
    cases = (("text", "takes an event or a dictionary"), ({"x": {1}}, "set is not JSON"), ({"x": "y" * 10**5}, "up to"))
    for event, message in cases:
        with pytest.raises(RankError, match=message):
            launch(spark, lambda world, report, event=event: report(event), 1)


def test_an_error_in_on_event_ends_the_ranks_and_is_raised(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> None:
        report({"pid": os.getpid()})
        time.sleep(600)

    pids = Pids()

    def stop(rank: int, event: dict[str, Any]) -> None:
        pids(rank, event)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch(spark, task, 1, on_event=stop)
    assert pids.all_end()


def test_a_task_that_cannot_be_unpickled_fails_with_the_reason(spark: SparkSession) -> None:
    class Stubborn:
        def __reduce__(self) -> tuple[Any, ...]:
            return __import__, ("a_module_nobody_has",)

        def __call__(self, world: World, report: Any) -> None:
            pass

    with pytest.raises(RankError, match=r"ModuleNotFoundError: No module named 'a_module_nobody_has'\. Next: install"):
        launch(spark, Stubborn(), 1)


def test_cancelling_the_job_ends_the_launch(spark: SparkSession) -> None:
    def task(world: World, report: Any) -> None:
        report({"pid": os.getpid()})
        time.sleep(600)

    pids = Pids()

    def cancel(rank: int, event: dict[str, Any]) -> None:
        pids(rank, event)
        spark.sparkContext.cancelAllJobs()

    with pytest.raises((LaunchError, RankError), match=r"cancel|ended"):
        launch(spark, task, 1, on_event=cancel)
    assert pids.all_end()


def test_launches_leave_no_thread_port_or_file_open_on_the_driver(spark: SparkSession) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    def count() -> tuple[int, int]:
        return threading.active_count(), open_files()

    def task(world: World, report: Any) -> int:
        report({"step": 1})
        return world.rank

    launch(spark, task, 2, deadline=200)
    before = count()
    for _ in range(5):
        launch(spark, task, 2, deadline=200)
    assert eventually(lambda: count() <= before), f"{before} threads and files before, {count()} after"


def test_a_rank_that_trained_leaves_no_graph_in_its_process(spark: SparkSession) -> None:
    def trains(world: World, report: Any) -> None:
        import keras
        import tensorflow as tf

        weight, optimizer = keras.Variable(1.0), keras.optimizers.SGD(0.1)
        tf.function(lambda: optimizer.apply([tf.constant(2.0)], [weight]))()

    def graphs(world: World, report: Any) -> list[int]:
        import gc

        gc.collect()
        return [os.getpid(), sum(type(each).__name__ == "FuncGraph" for each in gc.get_objects())]

    launch(spark, trains, 2, deadline=200)
    before = launch(spark, graphs, 2, deadline=200)
    for _ in range(2):
        launch(spark, trains, 2, deadline=200)
    assert sorted(launch(spark, graphs, 2, deadline=200)) == sorted(before)


# ---- the port


SetConf = Callable[[str, str], None]


@pytest.fixture
def conf(spark: SparkSession) -> Iterator[SetConf]:
    """Sets what spark-submit would set on the running session, and removes it afterwards."""
    spark_conf = spark.sparkContext._conf
    keys: list[str] = []

    def set_(key: str, value: str) -> None:
        keys.append(key)
        spark_conf.set(key, value)

    yield set_
    for key in keys:
        spark_conf._jconf.remove(key)


def taken(port: int) -> socket.socket:
    """A socket of another program that listens."""
    other = socket.create_server(("127.0.0.1", port))
    other.listen()
    return other


def listening_ports() -> set[int]:
    """The ports at which this process listens."""
    connections = psutil.Process().net_connections("tcp")
    return {connection.laddr.port for connection in connections if connection.status == psutil.CONN_LISTEN}


def port_of_ranks(spark: SparkSession) -> int:
    """The rendezvous port of a launch."""
    before, during = listening_ports(), set()
    launch(spark, lambda world, report: report({"rank": world.rank}), 2, deadline=200,
           on_event=lambda rank, event: during.update(listening_ports() - before))
    [port] = during
    return port


def test_the_port_that_is_set_is_used_also_by_the_next_launch_at_once(
        spark: SparkSession, conf: SetConf) -> None:
    [port] = free_ports(1)
    conf("spark.laketrain.port", str(port))
    conf("spark.port.maxRetries", "0")
    assert [port_of_ranks(spark) for _ in range(2)] == [port, port]


def test_a_taken_port_gives_the_next_free_one_or_an_error_if_none_is_left(
        spark: SparkSession, conf: SetConf) -> None:
    port = free_row(3)
    conf("spark.laketrain.port", str(port))
    with taken(port), taken(port + 1):
        assert port_of_ranks(spark) == port + 2
        conf("spark.port.maxRetries", "1")
        with pytest.raises(LaunchError, match=rf"ports {port} to {port + 1} are taken.*Next: set spark.laketrain.port"):
            port_of_ranks(spark)
        conf("spark.port.maxRetries", "0")
        with pytest.raises(LaunchError, match=rf"port {port} is taken"):
            port_of_ranks(spark)
    assert port_of_ranks(spark) == port


@pytest.mark.parametrize("port", ["http", "-1", "65536", "7.5"])
def test_a_setting_that_is_not_a_port_is_refused(spark: SparkSession, conf: SetConf, port: str) -> None:
    conf("spark.laketrain.port", port)
    with pytest.raises(LaunchError, match=rf"spark.laketrain.port: got '{port}', expected 0 for any free port"):
        launch(spark, lambda world, report: None, 1)


def test_the_callers_job_group_is_unchanged(spark: SparkSession) -> None:
    sc = spark.sparkContext
    sc.setJobGroup("mine", "my jobs")
    launch(spark, lambda world, report: None, 1)
    assert sc.getLocalProperty("spark.jobGroup.id") == "mine"
    sc.setLocalProperty("spark.jobGroup.id", None)
