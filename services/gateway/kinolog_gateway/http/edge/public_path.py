"""The path of a resource as clients see it: behind a proxy it may have a prefix, which each request says."""

from __future__ import annotations

from contextvars import ContextVar

_prefix: ContextVar[str] = ContextVar("public_prefix", default="")


def set_public_prefix(prefix: str) -> None:
    """Set the prefix of the request that is being answered, and of what its tasks make: empty, or such as /kinolog."""
    _prefix.set(prefix)


def public_prefix() -> str:
    """Return the prefix of the request that is being answered."""
    return _prefix.get()


def public_path(path: str) -> str:
    """Return the path that a client requests for the path of a route."""
    return _prefix.get() + path
