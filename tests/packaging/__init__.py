"""Checks of the built distribution; the `package` environment of tox runs them, not pytest."""
