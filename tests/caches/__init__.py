"""The creation lock and stale serving: threads, processes, killed and stopped holders."""
