"""Which versions of artifacts were read in full and had the hash of their address."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

CAPACITY = 10_000
"""Versions that are remembered. Further ones displace those that were not read for longest."""


@dataclass(frozen=True, slots=True)
class ContentVersion:
    """What a store says about content without reading it. A change of the content changes it.

    The tag of a folder's file names its inode, its time of modification in microseconds and its size.
    """

    size_bytes: int
    modified_at: datetime
    tag: str | None

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> ContentVersion:
        """Return the version that the metadata of a store describes."""
        return cls(meta["size"], meta["last_modified"], meta["e_tag"])


class VerifiedVersions:
    """Remembers one verified version for each artifact."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._versions: OrderedDict[str, ContentVersion] = OrderedDict()

    def has(self, key: str, version: ContentVersion) -> bool:
        """Return whether this version of the artifact was verified."""
        if self._versions.get(key) != version:
            return False
        self._versions.move_to_end(key)
        return True

    def forget(self, key: str) -> None:
        """Forget an artifact whose content proved wrong, whatever its version."""
        self._versions.pop(key, None)

    def add(self, key: str, version: ContentVersion) -> None:
        """Remember that this version was verified."""
        self._versions[key] = version
        self._versions.move_to_end(key)
        while len(self._versions) > self._capacity:
            self._versions.popitem(last=False)
