"""The sections of a run's report, a file for each subject: from a run to the values that a template prints."""
