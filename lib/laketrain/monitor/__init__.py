"""What happens to a model after its training: whether it is still good enough."""
