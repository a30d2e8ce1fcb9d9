"""WatchJob and WatchJobs: one reader of the log and of progress, broadcast to all streams."""
