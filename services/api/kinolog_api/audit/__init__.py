"""AuditService: the history of a job, its verification, and replay of the log."""
