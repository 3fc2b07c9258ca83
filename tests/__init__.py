"""The tests. CONTRIBUTING.md describes the folders, and how to run them."""
