"""The language of a workload's YAML: documents with line numbers, problems in words, dates, durations and secrets."""
