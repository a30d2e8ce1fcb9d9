"""Answers to questions about the commits of all jobs."""
