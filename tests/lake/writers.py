"""Writers of versions, in this process or each in one of its own.

    started("commit_many", url, 3, 5)      # runs commit_many(url, 3, 5) in a new process, which prints its result
"""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq

from laketrain.lake import Draft, Lake, Table


def parquet(rows: int, group: int = 4) -> bytes:
    """A Parquet file of the integers 0 … rows-1, in row groups of `group`."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"x": list(range(rows))}), sink, row_group_size=group)
    return sink.getvalue()


def add(draft: Draft, rel: str, content: bytes) -> None:
    """Writes a file of the draft."""
    draft.table.lake.store.write(draft.path(rel), content)


def commit(table: Table, rows: int = 10, fingerprint: str = "", stage: str = "test") -> int:
    """Commits a version with one Parquet file and returns its number."""
    with table.stage() as draft:
        add(draft, "part.parquet", parquet(rows))
        return draft.commit(fingerprint=fingerprint, stage=stage).number


def commit_many(url: str, writer: int, commits: int) -> list[int]:
    """Commits `commits` times to clean/raced; returns its version numbers."""
    table = Lake(url).table("clean", "raced")
    return [commit(table, stage=f"writer {writer}") for _ in range(commits)]


def started(function: str, *arguments: object) -> subprocess.Popen[bytes]:
    """A new process that runs one of this file's functions and prints the result as JSON."""
    return subprocess.Popen([sys.executable, __file__, function, json.dumps(arguments)], stdout=subprocess.PIPE)


def commit_same(url: str, fingerprint: str) -> tuple[int, bool]:
    """Commits work that others also do; returns the version's number, and whether this commit made it."""
    with Lake(url).table("clean", "same").stage() as draft:
        add(draft, "part.parquet", parquet(3))
        version = draft.commit(fingerprint=fingerprint)
    return version.number, version.is_new


def commit_forever(url: str) -> None:
    """Commits versions of two files until it is killed."""
    table = Lake(url).table("clean", "killed")
    for turn in itertools.count():
        with table.stage() as draft:
            add(draft, "a/one.parquet", parquet(turn % 7 + 1))
            add(draft, "b/two.parquet", parquet(turn % 5 + 1))
            draft.commit(meta={"turn": turn})


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*json.loads(sys.argv[2]))))
