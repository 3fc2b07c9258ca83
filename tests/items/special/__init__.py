"""Special keys, the indexes over them, the sessions found by them, and the reaper."""
