"""Adapters in memory. Nothing outlives the process."""
