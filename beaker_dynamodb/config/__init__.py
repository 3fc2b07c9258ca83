"""The option table, parsing, and INI files."""
