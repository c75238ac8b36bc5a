"""The templates' surroundings: all is escaped, what is missing is an error, numbers are said as people say them.

    environment().get_template("run.html").render(title="mnist", …)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from laketrain.report import words

if TYPE_CHECKING:
    from jinja2 import Environment


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Made once, on first use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("laketrain.report"), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        {name: getattr(words, name)
         for name in ("count", "rows", "share", "metric", "duration", "size", "moment", "stamp", "shortened")})
    return environment
