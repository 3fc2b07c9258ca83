"""Side by side with what else a user could pick, measured: ``python -m benchmarks --help``."""
