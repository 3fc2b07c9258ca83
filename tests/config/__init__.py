"""Tests of the option table, parsing and INI files."""
