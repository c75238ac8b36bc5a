"""Many messages through three kills, each in `raw/` once.

    make soak ARGS='tests/cluster/kafka/test_many.py -s'      # LAKETRAIN_MESSAGES, by default a million

The figures are printed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from cluster.kafka import Kafka
from laketrain.lake import Lake, appends

from ..commands import begin, until
from .messages import Messages, config_of, ids

pytestmark = [pytest.mark.soak, pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1800)]
MESSAGES = int(os.environ.get("LAKETRAIN_MESSAGES", "1000000"))
PARTS = 5
"""Versions that a run cuts them into."""


def test_messages_through_three_kills_land_each_once(
        topic: Messages, broker: Kafka, connector: Path, tmp_path: Path) -> None:
    half, lake = MESSAGES // 2, Lake(tmp_path / "lake")
    raw = lake.table("raw", "events")
    config = config_of(tmp_path, topic.servers, topic.topic, connector, max_messages=-(-MESSAGES // PARTS),
                       options={"maxRecordsPerPartition": -(-MESSAGES // 200)})
    topic.send(range(half))
    started, kills = time.monotonic(), []

    def written(after: int) -> bool:
        """Whether the version behind `after` is in the making, with rows on disk that nothing has committed."""
        committed = {raw.get(number).entry.data for number in raw.versions()}
        drafts = [folder for folder in lake.store.dirs("raw/events/data") if f"data/{folder}" not in committed]
        return len(raw.versions()) >= after and any(
            file.path.endswith(".parquet") for folder in drafts
            for file in lake.store.list(f"raw/events/data/{folder}", recursive=True))

    for kill in ("driver", "broker", "driver"):
        count = len(raw.versions())
        driver = begin(config, "ingest")
        until(lambda count=count, driver=driver: written(count + 1) or driver.poll() is not None)
        assert driver.poll() is None, driver.communicate()[0]
        kills.append(f"{kill} while version {len(raw.versions()) + 1} was written")
        if kill == "driver":
            driver.kill()
        else:
            broker.kill()
            time.sleep(2)
            broker.start()
        output = driver.communicate(timeout=900)[0]
        assert kill == "driver" or driver.returncode == 0, output
        if kill == "broker":
            topic.send(range(half, MESSAGES))
    last = begin(config, "ingest")
    assert last.wait(timeout=900) == 0, last.communicate()[0]
    seconds = time.monotonic() - started

    latest = raw.latest()
    assert latest is not None
    versions = appends(latest)
    rows = sum(version.entry.counts["rows"] for version in versions)
    result = ids(lake, "events")
    print(f"\n{MESSAGES:,} messages in {len(versions)} versions: {rows:,} rows, {len(result):,} different places, "
          f"{len(set(result)):,} different messages; {seconds:.0f} s with three kills ({'; '.join(kills)})")
    assert rows == MESSAGES
    assert np.array_equal(result, np.arange(MESSAGES))
