"""Measuring an index: on judgements of readers, and on data sets in the formats of the field."""
