"""Output in a terminal or a notebook: a run, a lake's contents, a profile."""

from laketrain.report.terminal.listener import Terminal

__all__ = ["Terminal"]
