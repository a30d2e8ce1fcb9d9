"""Restores and backs up a stack: with the servers that it needs, and none of the services."""
