"""What is measured, one thing a file; each gives rows for the result's JSON."""
