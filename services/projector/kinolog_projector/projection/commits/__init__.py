"""The index of all commits."""
