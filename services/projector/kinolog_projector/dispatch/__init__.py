"""Dispatches jobs: keeps the ticket queue in step with the log."""
