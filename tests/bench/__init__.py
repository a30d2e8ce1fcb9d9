"""Measures the paths that matter against raw floors: `python -m tests.bench`, described in docs/performance.md."""
