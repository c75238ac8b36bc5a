"""Hooks, a file each: work around the stages that neither the runner nor the stages depend on."""
