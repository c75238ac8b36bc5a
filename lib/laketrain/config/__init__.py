"""The language of a workload's YAML: documents with lines, sections, the settings of stages, problems in words."""

from laketrain.config.language.document import Document

__all__ = ["Document"]
