"""Minimum Noticeable Difference: change a photo as little as the eye can notice so that recognisers fail."""

__version__ = "0.1.0"
