"""Compares the log with its archive, all the time, and raises an alarm when they differ."""
