"""Widgets of the job list, and the counts by status."""
