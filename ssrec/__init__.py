"""Experiments with self-supervised learning and pretraining for recommendation."""

__version__ = "0.1.0"
