"""A module whose import fails, like that of an application whose settings are missing."""

raise RuntimeError("no settings")
