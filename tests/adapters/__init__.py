"""Adapters that only tests and benchmarks use."""
