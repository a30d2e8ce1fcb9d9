"""Schedules: who manages them, and the jobs that they submit."""
