"""The queries of the read models."""
