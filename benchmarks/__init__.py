"""Compare this package with its alternatives: ``python -m benchmarks --help``."""
