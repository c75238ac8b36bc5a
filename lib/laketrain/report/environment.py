"""The Jinja2 environment of the templates: values are escaped, missing ones are errors, and filters format numbers.

    environment().get_template("run.html").render(title="mnist", …)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from laketrain.report import format as fmt

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Creates the environment on first use, and caches it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("laketrain.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        {name: getattr(fmt, name)
         for name in ("count", "rows", "percent", "metric", "duration", "size", "utc_time", "timestamp", "shortened")})
    return environment
