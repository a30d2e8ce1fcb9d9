"""Queries of what tenants use."""
