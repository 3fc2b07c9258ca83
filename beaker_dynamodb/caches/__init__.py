"""Cache entries, and the lock under which a missing entry is computed once."""
