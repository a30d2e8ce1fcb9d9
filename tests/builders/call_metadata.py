"""The metadata of gRPC calls."""

from __future__ import annotations


def bearer(key: str, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the metadata of a call with a key or a ticket, and more of it."""
    return (("authorization", f"Bearer {key}"), *more)
