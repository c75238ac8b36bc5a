"""Writes Hadoop's configuration: only settings that differ from the defaults.

    write_site(conf / "hdfs-site.xml", {"dfs.replication": 2})
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

Settings = Mapping[str, object]
LOG4J = """\
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
"""


def write_site(path: Path, settings: Settings) -> None:
    """A file of properties as Hadoop reads them."""
    lines = [f"  <property><name>{name}</name><value>{escape(_text(value))}</value></property>\n"
             for name, value in settings.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<?xml version=\"1.0\"?>\n<configuration>\n{''.join(lines)}</configuration>\n", "utf-8")


def as_options(settings: Settings) -> list[str]:
    """The same for one daemon, on its command line."""
    return [word for name, value in settings.items() for word in ("-D", f"{name}={_text(value)}")]


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
