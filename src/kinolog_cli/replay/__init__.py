"""`kinolog replay`: histories of jobs, projections of your own, and other settings of the queue."""
