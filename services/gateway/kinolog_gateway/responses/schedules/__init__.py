"""Schedules in REST responses, and the jobs that they submit."""
