"""The file of tenants while a process runs: it is read again when it changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from kinolog.process.files.followed_content import FollowedContent
from kinolog.tenants.policy import TenantPolicies
from kinolog.tenants.policy_file import InvalidTenantsFile, read_policies

CHECK_SECONDS = 2.0
"""How often a process calls `FollowedPolicies.check`."""


class FollowedPolicies:
    """The policies that are in force: those of the last valid version of the file. Without a file the built-in ones."""

    def __init__(self, path: Path | None = None, without_file: TenantPolicies | None = None) -> None:
        """Read the file. Raises `InvalidTenantsFile`."""
        self._file = path and FollowedContent(
            "file of tenants", (path,), partial(read_policies, path), InvalidTenantsFile, event="tenants_file"
        )
        self.current = self._file.current if self._file else without_file or TenantPolicies()
        self.on_change: list[Callable[[TenantPolicies], None]] = []
        """Called with the new policies when they are in force."""

    def weight(self, tenant: str) -> float:
        """Return the weight of a tenant among those that share a lane, by the policies in force."""
        return self.current.of(tenant).weight

    async def check(self) -> None:
        """Read the file again if it has changed. Of an invalid one an error is logged, and nothing else happens."""
        if self._file and self._file.read_changed():
            self.put_in_force(self._file.current)

    def put_in_force(self, policies: TenantPolicies) -> None:
        """Replace the policies."""
        self.current = policies
        for call in self.on_change:
            call(policies)
