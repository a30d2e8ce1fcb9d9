"""One attempt at a job: its lease, its records in the log, its files, and its end."""
