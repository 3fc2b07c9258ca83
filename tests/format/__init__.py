"""The stored format, pinned as literals: what one version writes, every later version reads."""
