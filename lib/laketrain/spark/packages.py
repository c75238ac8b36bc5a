"""The hint of errors about a driver or connector that the Spark session lacks."""

from __future__ import annotations


def missing_package_hint(package: str) -> str:
    """How to add `package` (Maven's group:artifact:version) to the session."""
    return (f"add the package to Spark: spark-submit --packages {package}, or in the config spark: "
            f"{{conf: {{spark.jars.packages: \"{package}\"}}}}")
