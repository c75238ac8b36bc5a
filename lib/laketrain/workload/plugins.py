"""Plugins of a workload: importing their modules adds the sections of their stages to the accepted keys.

    kind = with_plugins(Workload, document)      # has a field for the section of each registered stage
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from laketrain.config.base import Section
from laketrain.config.language.document import Document
from laketrain.errors import ConfigError, LaketrainError, Problem
from laketrain.stages import STAGES
from laketrain.usercode.plugins import load_plugins

if TYPE_CHECKING:
    from laketrain.workload.workload import Workload


def with_plugins(kind: type[Workload], document: Document) -> type[Workload]:
    """Imports the modules that the document's `plugins` names.

    Raises:
        ConfigError: a module can't be imported, or a stage's section has the key of another section.
    """
    problems = [*_import_problems(document.data.get("plugins")), *_key_problems(kind)]
    if problems:
        raise ConfigError(document.source, [document.located(problem) for problem in problems])
    sections = tuple((stage.key, stage.section) for stage in STAGES.values() if stage.section is not None)
    return _extended(kind, sections) if sections else kind


def _import_problems(modules: Any) -> Iterator[Problem]:
    """Imports every module, so that all problems are reported. A value that isn't a list of names is refused later."""
    for index, module in enumerate(modules if isinstance(modules, list) else ()):
        try:
            load_plugins([str(module)])
        except LaketrainError as error:
            yield Problem.at(("plugins", index), error.problem, error.hint)


def _key_problems(kind: type[Workload]) -> Iterator[Problem]:
    for stage in STAGES.values():
        if stage.section is not None and stage.key in kind.model_fields:
            yield Problem.at(("plugins",), f"the stage {stage.name!r} has the section {stage.key!r}, a key that every "
                             "workload has", "Choose another 'key' for the stage")


@cache
def _extended(kind: type[Workload], sections: tuple[tuple[str, type[Section]], ...]) -> type[Workload]:
    """`kind` with more sections. Cached, so that workloads with the same sections have the same class and compare
    equal."""
    fields: dict[str, Any] = {key: (section | None, None) for key, section in sections}
    return create_model(kind.__name__, __base__=kind, __module__=kind.__module__, **fields)
