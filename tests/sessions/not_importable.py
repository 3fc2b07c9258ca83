"""A module whose import fails, as that of an application whose settings are missing."""

raise RuntimeError("no settings")
