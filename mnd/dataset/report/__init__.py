"""The page of a data set: what its manifest says, in counts and histograms, and the worst examples."""
