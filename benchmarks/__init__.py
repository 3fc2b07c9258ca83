"""Measures this package beside its alternatives: ``python -m benchmarks --help``."""
