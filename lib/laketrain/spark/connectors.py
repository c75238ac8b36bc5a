"""The connectors that go with a release of Spark, as Maven coordinates.

    connectors_of("3.5.3").kafka         # org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.1
    connectors_of("4.2.1").s3            # org.apache.hadoop:hadoop-aws:3.5.0

A connector of another release breaks the session: classes of Scala, Catalyst or Hadoop don't match. Tests run with
those of the installed release.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Connectors:
    """What goes with one release of Spark.

    `scala` and `hadoop` are the versions that PySpark's wheel contains. `spark` is that of the connectors which Spark's
    own project releases, `aws` that of the SDK. `delta_artifact` is without Scala's version. `iceberg_version` is None
    where no connector was released.
    """

    release: str
    scala: str
    spark: str
    hadoop: str
    aws: str
    delta_artifact: str
    delta_version: str
    iceberg_version: str | None

    @property
    def kafka(self) -> str:
        return f"org.apache.spark:spark-sql-kafka-0-10_{self.scala}:{self.spark}"

    @property
    def avro(self) -> str:
        return f"org.apache.spark:spark-avro_{self.scala}:{self.spark}"

    @property
    def s3(self) -> str:
        return f"org.apache.hadoop:hadoop-aws:{self.hadoop}"

    @property
    def delta(self) -> str:
        return f"io.delta:{self.delta_artifact}_{self.scala}:{self.delta_version}"

    @property
    def iceberg(self) -> str | None:
        if self.iceberg_version is None:
            return None
        return f"org.apache.iceberg:iceberg-spark-runtime-{self.release}_{self.scala}:{self.iceberg_version}"

    @property
    def mongodb(self) -> str:
        return f"org.mongodb.spark:mongo-spark-connector_{self.scala}:10.5.0"


RELEASES = {connectors.release: connectors for connectors in (
    Connectors("3.5", "2.12", "3.5.1", "3.3.4", "1.12.262", "delta-spark", "3.2.1", "1.11.0"),
    Connectors("4.0", "2.13", "4.0.0", "3.4.1", "2.25.53", "delta-spark", "4.0.0", "1.10.0"),
    Connectors("4.1", "2.13", "4.1.1", "3.4.2", "2.29.52", "delta-spark_4.1", "4.4.0", "1.11.0"),
    Connectors("4.2", "2.13", "4.2.0", "3.5.0", "2.35.4", "delta-spark_4.2", "4.4.0", None),
)}
"""By release, the newest last."""


def connectors_of(spark_version: str) -> Connectors:
    """The connectors of a version such as `4.2.1` or `3.5.3-amzn-0`; for an unknown release those of the newest."""
    result = re.match(r"\d+\.\d+", spark_version)
    return RELEASES.get(result[0] if result else "", [*RELEASES.values()][-1])


def installed_connectors() -> Connectors:
    """The connectors of this process's PySpark."""
    import pyspark

    return connectors_of(pyspark.__version__)
