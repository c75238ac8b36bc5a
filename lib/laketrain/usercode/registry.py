"""Registries: parts of one kind by name, those of the package and those that plugins add.

    tasks = Registry[Task]("task", [Classification(), Regression()])
    tasks.register(Ranking())            # from anywhere, once
    tasks["ranking"]                     # DataError with the nearest name where there is none
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

from laketrain.errors import DataError, nearest
from laketrain.usercode.plugins import load_installed


class Named(Protocol):
    """Anything that can be registered."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Registry(Mapping[str, T]):
    """Parts of one kind by name, in the order of their registration. Reading it loads the installed plugins first."""

    def __init__(self, kind: str, parts: Iterable[T]) -> None:
        self._kind = kind
        self._parts = {part.name: part for part in parts}

    def register(self, part: T) -> T:
        """Adds a part, and returns it. The same class registered again replaces the earlier one, as reloading a
        notebook's module does.

        Raises:
            ValueError: another class has the name.
        """
        former = self._parts.get(part.name)
        if former is not None and _identity(former) != _identity(part):
            raise ValueError(f"{self._kind} {part.name!r} is registered by {_identity(former)} already, received "
                             f"{_identity(part)}; give it another name")
        self._parts[part.name] = part
        return part

    def __getitem__(self, name: str) -> T:
        """Raises DataError for an unknown name."""
        load_installed()
        if name not in self._parts:
            raise DataError("config", f"{self._kind} {name!r}", "is not registered",
                            nearest(name, self._parts) + "; one of your own needs its module in 'plugins'")
        return self._parts[name]

    def __contains__(self, name: object) -> bool:
        load_installed()
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        load_installed()
        return iter(self._parts)

    def __len__(self) -> int:
        load_installed()
        return len(self._parts)


def _identity(part: object) -> str:
    """The part's own `identity`, or the qualified name of its class."""
    return str(getattr(part, "identity", f"{type(part).__module__}.{type(part).__qualname__}"))
