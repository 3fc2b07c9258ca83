"""What a namespace manager promises, on every server and on both shapes of table."""
