"""The stacks that laketrain is tested with: which Python, which lock, which environment. Standard library only.

    Target(root, "cpu", STACKS["oldest"]).lock      # …/requirements/compat.lock
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stack:
    """Versions that are tested together.

    `pythons` are the versions of Python that it works with, the newest first. `lock` names its lock file, by `{device}`
    if it has one for each. Without `horovod`, ranks connect by the backend `tensorflow`.
    """

    venv: str
    lock: str
    pythons: tuple[tuple[int, int], ...]
    horovod: bool


STACKS = {
    "newest": Stack(".venv", "{device}.lock", ((3, 13), (3, 12), (3, 11)), horovod=True),
    # Its tests use nothing of Horovod's, whose build takes minutes.
    "oldest": Stack(".venv-oldest", "compat.lock", ((3, 11),), horovod=False),
}


@dataclass(frozen=True)
class Target:
    """What set-up makes: the environment of a stack for a device (`cpu` or `gpu`), in a checkout."""

    root: Path
    device: str
    stack: Stack

    @property
    def venv(self) -> Path:
        return self.root / self.stack.venv

    @property
    def lock(self) -> Path:
        return self.root / "requirements" / self.stack.lock.format(device=self.device)
