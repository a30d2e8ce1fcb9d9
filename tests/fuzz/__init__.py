"""Malformed inputs for every surface of a running kinolog: `python -m tests.fuzz`."""
