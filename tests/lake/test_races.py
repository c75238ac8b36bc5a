from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from laketrain.lake import Lake, Store

from .writers import commit_many, commit_same, started

WRITERS, PROCESSES, COMMITS = 8, 4, 5


def assert_whole(lake: Lake, numbers_by_writer: list[list[int]]) -> None:
    """Numbers have no gaps, each was returned to one writer only, and each entry is that writer's."""
    table = lake.table("clean", "raced")
    versions = [table.get(number) for number in table.versions()]
    assert [version.number for version in versions] == list(range(1, len(versions) + 1))
    assert sorted(number for numbers in numbers_by_writer for number in numbers) == table.versions()
    assert len({version.entry.data for version in versions}) == len(versions)
    assert all(version.entry.stage == f"writer {writer}" for writer, numbers in enumerate(numbers_by_writer)
               for version in versions if version.number in numbers)
    assert all(version.exists() for version in versions)


@pytest.mark.slow
def test_concurrent_processes_each_commit_their_own_numbers(url: str) -> None:
    processes = [started("commit_many", url, writer, COMMITS) for writer in range(PROCESSES)]
    numbers = [json.loads(process.communicate()[0]) for process in processes]
    assert len(Lake(url).table("clean", "raced").versions()) == PROCESSES * COMMITS
    assert_whole(Lake(url), numbers)


def test_concurrent_threads_each_commit_their_own_numbers(url: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = list(pool.map(commit_many, repeat(url), range(WRITERS), repeat(COMMITS)))
    assert len(Lake(url).table("clean", "raced").versions()) == WRITERS * COMMITS
    assert_whole(Lake(url), numbers)


def test_concurrent_writers_of_the_same_work_all_get_a_version_of_it(url: str) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        results = list(pool.map(commit_same, [url] * WRITERS, repeat("same")))
    table = Lake(url).table("clean", "same")
    winners = [number for number, won in results if won]
    assert sorted(winners) == table.versions()
    assert all(table.get(number).exists() for number, _ in results)


def test_a_name_is_created_once_by_concurrent_writers(store: Store) -> None:
    def wins(writer: int) -> bool:
        try:
            store.create("log/1", b"%d" % writer)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(wins, range(WRITERS)))
    assert won.count(True) == 1
    assert store.read("log/1") == b"%d" % won.index(True)
