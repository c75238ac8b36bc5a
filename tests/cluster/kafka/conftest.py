"""One broker of Kafka for the tests of this folder, and topics on it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cluster import Missing, jars
from cluster.kafka import Kafka

from ..commands import end_all
from .messages import Messages

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def connector() -> Path:
    """The folder of the jars of Spark's connector."""
    try:
        return jars("spark-kafka")
    except Missing as missing:
        pytest.skip(f"no connector for Kafka: {missing}")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    try:
        kafka = Kafka(tmp_path_factory.mktemp("kafka"))
    except Missing as missing:
        pytest.skip(f"no Kafka: {missing}")
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
