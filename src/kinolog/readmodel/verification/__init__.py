"""Comparisons of everything, in Postgres."""
