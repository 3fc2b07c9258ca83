"""Items: keys, values, expiry, and how both are stored."""
