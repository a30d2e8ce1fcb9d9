"""The file of tenants while a process runs: it is read again when it changes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from kinolog.process import logs
from kinolog.tenants.policy import TenantPolicies
from kinolog.tenants.policy_file import InvalidTenantsFile, read_policies

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
"""How often a process calls `FollowedPolicies.check`."""

_Version: TypeAlias = tuple[int, int, int] | None
"""Inode, time of the last change in nanoseconds and size of a file; None if there is none."""


class FollowedPolicies:
    """The policies that are in force: those of the last valid version of the file. Without a file the built-in ones."""

    def __init__(self, path: Path | None = None, without_file: TenantPolicies | None = None) -> None:
        """Read the file. Raises `InvalidTenantsFile`."""
        self._path = path
        self._version = _version_of(path)
        self.current = read_policies(path) if path else without_file or TenantPolicies()
        self.on_change: list[Callable[[TenantPolicies], None]] = []
        """Called with the new policies when they are in force."""

    async def check(self) -> None:
        """Read the file again if it has changed. Of an invalid one an error is logged, and nothing else happens."""
        version = _version_of(self._path)
        if self._path is None or version == self._version:
            return
        self._version = version
        try:
            policies = read_policies(self._path)
        except InvalidTenantsFile as error:
            logger.error(
                "the changed file of tenants is not used, the earlier one stays in force: %s",
                error,
                extra=logs.fields("tenants_file_refused"),
            )
            return
        logger.info(
            "the file of tenants has changed",
            extra=logs.fields("tenants_file_read", tenants=len(policies.named)),
        )
        self.put_in_force(policies)

    def put_in_force(self, policies: TenantPolicies) -> None:
        """Replace the policies."""
        self.current = policies
        for call in self.on_change:
            call(policies)


def _version_of(path: Path | None) -> _Version:
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
