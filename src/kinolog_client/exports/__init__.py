"""Exports of the log: which commits, the lines as they come, and the file that they become."""
