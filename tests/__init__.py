"""The tests; `tox` runs them all, CONTRIBUTING.md says where which live."""
