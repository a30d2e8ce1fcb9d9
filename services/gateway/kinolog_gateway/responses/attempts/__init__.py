"""Attempts of jobs, and what they ran with."""
