"""Graphs as the face recognisers of programs have them, with random weights, and converters that read them."""
