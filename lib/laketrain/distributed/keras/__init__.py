"""Extends Keras for ranks: the optimizer averages gradients, and batch normalisation spans all ranks."""
