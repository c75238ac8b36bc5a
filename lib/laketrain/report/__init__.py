"""Output for people: the terminal during a run, an HTML page after it, and `laketrain show`."""

from laketrain.report.write import write_report

__all__ = ["write_report"]
