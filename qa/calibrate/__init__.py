"""Fitting the confidence and the threshold of an index, on a labelled set or on the index itself."""
