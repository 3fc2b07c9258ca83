"""Items: keys, values, and how both are stored, read and deleted."""
