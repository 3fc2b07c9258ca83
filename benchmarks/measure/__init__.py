"""The measurements, one per file. Each returns rows for the result's JSON."""
