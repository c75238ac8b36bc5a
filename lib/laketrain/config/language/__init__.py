"""The language of a workload's YAML: documents with line numbers, error messages, dates, durations and secrets."""
