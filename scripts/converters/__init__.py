"""Graphs as the face recognisers of programs have them, with random weights, for converters to read."""
