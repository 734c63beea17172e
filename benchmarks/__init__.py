"""Measurements: each module writes one file of figures under benchmarks/out."""
