"""What people look at: the terminal while a run goes on, one HTML page when it is over."""

from laketrain.report.write import write_report

__all__ = ["write_report"]
