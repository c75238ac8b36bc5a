"""Names that a setting accepts, such as those of losses. Plugins add names of their own.

    LOSSES = Vocabulary("auto", "mse", "mae")
    LOSSES.add(["log_error"])                                    # what registering a task does
    LossName = Annotated[str, AfterValidator(LOSSES.check)]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic_core import PydanticCustomError


class Vocabulary:
    """Accepted names, in the order in which they were added.

    Attributes:
        builtin: those of the package itself.
    """

    def __init__(self, *names: str) -> None:
        self._names = dict.fromkeys(names)
        self.builtin = names

    def add(self, names: Iterable[str]) -> None:
        """Accepts these names too."""
        self._names.update(dict.fromkeys(names))

    def is_added(self, name: str) -> bool:
        """Whether a plugin added the name."""
        return name in self._names and name not in self.builtin

    def check(self, name: str) -> str:
        """Returns the name. Raises the error that pydantic raises for a literal."""
        if name not in self._names:
            *first, last = map(repr, self._names)
            expected = f"{', '.join(first)} or {last}" if first else last
            raise PydanticCustomError("literal_error", "Input should be {expected}", {"expected": expected})
        return name

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)
