"""Fuzzing of everything that reads what strangers wrote: ``python -m benchmarks.fuzz --help``."""
