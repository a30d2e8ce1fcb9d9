"""Models that come from the hub when a job needs them, by a process of their own (decision 93)."""
