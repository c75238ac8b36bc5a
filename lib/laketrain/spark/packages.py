"""How Spark is given a driver or connector that its session lacks."""

from __future__ import annotations


def way_to_package(package: str) -> str:
    """The hint of an error: what to type for `package`, Maven's group:artifact:version."""
    return (f"give Spark its package: spark-submit --packages {package}, or in the config spark: "
            f"{{conf: {{spark.jars.packages: \"{package}\"}}}}")
