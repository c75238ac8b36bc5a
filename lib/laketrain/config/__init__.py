"""The YAML of a workload: its language (documents, sections, problems) and the settings of each stage."""

from laketrain.config.language.document import Document

__all__ = ["Document"]
