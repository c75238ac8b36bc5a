"""The base class of every section of a workload's YAML: strict, closed, immutable.

    class Evaluate(Section): split: SplitName = "test"
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
"""The name of a table, feature or workload. It becomes the name of a directory, a column or a view."""

SplitName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]

UserCode = Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]
"""A user's function, as `module:function`."""


class Section(BaseModel):
    """A mapping in the YAML. Unknown keys, other types and infinities are refused: `epochs: "3"` isn't 3.

    The text under each field becomes docs/reference/config.md (tools/config_reference.py).
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False,
                              use_attribute_docstrings=True)

    former: ClassVar[dict[str, str]] = {}
    """Former keys, and keys that people expect here, each with what to write instead."""
