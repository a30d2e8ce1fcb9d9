"""Questions about the commits of all jobs."""
