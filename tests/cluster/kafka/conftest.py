"""One broker of Kafka for the tests of this folder, and topics on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import jars
from cluster.kafka import Kafka

from ...skips import skipped_without
from ..commands import end_all
from .messages import Messages

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def connector() -> Path:
    """The folder of the jars of Spark's connector."""
    with skipped_without("connector for Kafka"):
        return jars("spark-kafka")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with skipped_without("Kafka"):
        kafka = Kafka(tmp_path_factory.mktemp("kafka"))
    with kafka:
        yield kafka.start()


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture
def topic(spark: SparkSession, connector: Path, broker: Kafka) -> Messages:
    """A topic of three partitions, of which nobody else knows."""
    return Messages(spark, broker.servers, f"t-{uuid.uuid4().hex}").make()
