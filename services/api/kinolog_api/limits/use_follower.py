"""Keeps what tenants use up to date, while the policy of any tenant needs it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing

from kinolog.ports.clock import Clock
from kinolog.ports.event_store import DamagedLog, EventStore
from kinolog.ports.read_model import ReadModelUnavailable
from kinolog.ports.use.tenant_use import TenantUseReader
from kinolog.process.logs import fields
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies
from kinolog_api.limits.current_use import DAY, CurrentUse

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class UseFollower:
    """Fills `use`: first from the read model, then from the log."""

    def __init__(
        self,
        use: CurrentUse,
        policies: FollowedPolicies,
        store: EventStore,
        read_model: TenantUseReader,
        clock: Clock,
    ) -> None:
        self._use = use
        self._store = store
        self._read_model = read_model
        self._clock = clock
        self._needed = asyncio.Event()
        self._warned = False
        self._set_needed(policies.current)
        policies.on_change.append(self._set_needed)

    def _set_needed(self, policies: TenantPolicies) -> None:
        if any(policy.counts_use for policy in (policies.default, *policies.named.values())):
            self._needed.set()

    async def run(self) -> None:
        """Follow the log from when a policy needs it, until cancelled. Raises `LogUnavailable`, `DamagedLog`."""
        await self._needed.wait()
        if not self._use.is_known and not await self._start():
            return
        try:
            async with aclosing(self._store.follow(self._use.position)) as batches:
                async for batch in batches:
                    self._use.apply(batch)
        except DamagedLog:
            self._use.is_known = False
            raise

    async def _start(self) -> bool:
        """Read what tenants use. Return whether the read model answered."""
        try:
            use = await self._read_model.all_use(self._clock() - DAY)
        except ReadModelUnavailable:
            if not self._warned:
                logger.warning(
                    "the read models do not answer: until they do, queues and budgets of tenants have no limits",
                    extra=fields("limits_unknown"),
                )
                self._warned = True
            return False
        self._use.start(use)
        self._warned = False
        return True
