"""Sealing of personal data under the keys of jobs."""
