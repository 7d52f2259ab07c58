"""Attacks compared as a paper would: data, protocol, measures, summaries, curves and plots."""
