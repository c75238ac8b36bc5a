"""What happens around the work of stages, without the runner or the stages knowing it: a file a hook."""
