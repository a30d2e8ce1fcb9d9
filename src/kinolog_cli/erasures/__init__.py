"""Erasure of jobs, and its certificates."""
