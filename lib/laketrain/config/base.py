"""What every section of a workload's YAML is: strict, closed, immutable.

    class Evaluate(Section): split: SplitName = "test"
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)]
"""A table's, feature's or workload's name: it becomes a directory, a column, a view."""

SplitName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]

UserCode = Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]
"""A function of the user's, as `module:function`."""


class Section(BaseModel):
    """A mapping in the YAML. Unknown keys, loose types and infinities are refused: `epochs: "3"` is not 3.

    The text under each field becomes docs/reference/config.md (tools/config_reference.py).
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False,
                              use_attribute_docstrings=True)

    former: ClassVar[dict[str, str]] = {}
    """Keys that were there once, or that people look for here, each with what to write instead."""
