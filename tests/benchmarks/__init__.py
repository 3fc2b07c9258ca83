"""The benchmark works, and counts right."""
