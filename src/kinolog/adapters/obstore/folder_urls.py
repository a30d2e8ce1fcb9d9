"""Folders of this machine as URLs of a store."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


def folder_at(url: str) -> Path | None:
    """Return the folder of a file:// URL; None for another one. Raises `ValueError` if it is not absolute."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    if parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
        raise ValueError(f"a file URL needs an absolute path: {url}")
    return Path(unquote(parts.path))
