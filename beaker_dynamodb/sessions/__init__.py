"""Load, merge, save, list and end sessions."""
