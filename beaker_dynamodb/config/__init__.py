"""Options: the table of them, converters, parsing."""
