"""Keeps the queue of tickets in step with the log."""
