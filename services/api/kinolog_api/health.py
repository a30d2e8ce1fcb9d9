"""Health per service: a service is SERVING while its dependencies answer.

`python -m kinolog_api.health HOST:PORT` checks a running api. Its exit status is 0 if all services are SERVING.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from kinolog.ports.alarms import Alarm, AlarmSeverity, public_alarms
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import StandstillAlarm
from kinolog.process.tasks import BackgroundTasks, within
from kinolog_api.dependencies import ApiDependencies
from kinolog_api.rpc.freshness import Freshness
from kinolog_api.watch.broadcast import WatchBroadcast

logger = logging.getLogger(__name__)

CHECK_INTERVAL_SECONDS = 2.0

TIMEOUT_SECONDS = 2.0
"""A dependency that takes longer counts as unavailable."""

LOG, DATABASE, LIVE_UPDATES = "log", "database", "live updates"
"""Parts of the api. Each is also a service of the health protocol, so that others can tell which one is missing."""

STALE_ALARM = "lists-stale"
"""Name of the alarm while the read models are behind the log."""

DEPENDENCIES_OF = {
    "kinolog.v1.JobService": (LOG, DATABASE),
    "kinolog.v1.AnalyticsService": (DATABASE,),
    "kinolog.v1.AuditService": (LOG, DATABASE),
    "kinolog.v1.AccessService": (LOG,),
    "kinolog.v1.TicketService": (LOG,),
    "": (LOG, DATABASE),
}
"""The dependencies of each service. The empty name is the api as a whole."""


class HealthMonitor:
    """Checks the dependencies and the live updates, and updates the health service."""

    def __init__(
        self,
        health: HealthServicer,
        dependencies: ApiDependencies,
        broadcast: WatchBroadcast,
        freshness: Freshness,
    ) -> None:
        self._health = health
        self._store = dependencies.store
        self._read_model = dependencies.read_model
        self._broadcast = broadcast
        self._alarm = StandstillAlarm(dependencies.alarms, "live-updates", dependencies.clock)
        self._freshness = freshness
        self._alarms = dependencies.alarms
        self._clock = dependencies.clock
        self._unavailable: frozenset[str] = frozenset()
        self._log_end = 0
        self._standing: tuple[Alarm, ...] = ()
        self._endings = BackgroundTasks()

    async def run(self) -> None:
        """Check at intervals, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Check all dependencies once and update the health of all services."""
        log_end, position = await asyncio.gather(
            self._answer(LOG, self._store.last_position),
            self._answer(DATABASE, self._read_model.position),
        )
        answers = {LOG: log_end, DATABASE: position}
        unavailable = frozenset(name for name, answer in answers.items() if answer is None)
        for name in unavailable - self._unavailable:
            logger.warning(
                "the %s does not answer", name, extra=fields("dependency_unavailable", dependency=name)
            )
        for name in self._unavailable - unavailable:
            logger.info("the %s answers again", name, extra=fields("dependency_available", dependency=name))
        self._unavailable = unavailable
        if log_end is not None:
            self._log_end = log_end
            self._broadcast.observe(log_end)
        if log_end is not None and position is not None:
            self._freshness.observe(log_end, position)
        await self._tell_staleness()
        self._standing = public_alarms(await self._alarms.current())
        await self._alarm.update(self._broadcast.problem)
        await self._set(LIVE_UPDATES, is_serving=not self._broadcast.problem)
        for name in answers:
            await self._set(name, is_serving=name not in unavailable)
        for service, dependencies in DEPENDENCIES_OF.items():
            await self._set(service, is_serving=not unavailable.intersection(dependencies))

    async def _tell_staleness(self) -> None:
        if not self._freshness.stale_seconds():
            await self._alarms.clear(STALE_ALARM)
            return
        await self._alarms.raise_alarm(
            Alarm(
                name=STALE_ALARM,
                severity=AlarmSeverity.WARNING,
                text=(
                    "Lists and charts lack the latest changes: the database is not kept up to date. Single jobs and "
                    "live updates are not affected. The logs of the projector and of Postgres give the reason."
                ),
                source=self._alarms.source,
                since=self._clock(),
            )
        )

    def missing(self) -> list[str]:
        """Return why the api is not ready; empty when it is."""
        problems = [f"the {name} does not answer" for name in sorted(self._unavailable)]
        return [*problems, *filter(None, [self._broadcast.problem])]

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe."""
        broadcast = self._broadcast
        return [
            Metric(
                name="kinolog_api_watchers", value=broadcast.watchers, help="Streams that watch jobs now."
            ),
            Metric(
                name="kinolog_api_live_position",
                value=broadcast.position,
                help="Last position that was delivered to watchers.",
            ),
            Metric(
                name="kinolog_api_log_position",
                value=self._log_end,
                help="Last position of the log, as last read.",
            ),
            Metric(
                name="kinolog_api_live_restarts_total",
                value=broadcast.restarts,
                help="Starts of the readers of live updates after they stood still.",
                kind="counter",
            ),
            *(
                Metric(
                    name="kinolog_alarm",
                    value=1,
                    help="1 for each alarm that stands, of whatever process.",
                    labels={"name": alarm.name, "severity": alarm.severity.value, "source": alarm.source},
                )
                for alarm in self._standing
            ),
        ]

    async def _answer(self, name: str, request: Callable[[], Coroutine[Any, Any, int]]) -> int | None:
        """Return what a dependency answers; None if it does not in time."""
        try:
            return await within(TIMEOUT_SECONDS, request(), self._endings)
        except Exception as error:  # any error means that the dependency cannot be used
            logger.debug("the %s does not answer: %s", name, type(error).__name__)
            return None

    async def _set(self, service: str, *, is_serving: bool) -> None:
        status = health_pb2.HealthCheckResponse
        await self._health.set(service, status.SERVING if is_serving else status.NOT_SERVING)


def main() -> None:
    """Check the api at the address in the first argument."""
    target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
    if "KINOLOG_API_TLS_CERTIFICATE" in os.environ:
        sys.exit(
            "the api serves encrypted calls only: ask its probe, python -m kinolog.process.probe_check PORT"
        )
    # A container checks itself: no proxy of its environment may stand before it.
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            response = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS
            )
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else error
            sys.exit(f"{target} does not answer: {code}")
    if response.status != health_pb2.HealthCheckResponse.SERVING:
        sys.exit(f"{target} is not serving")


if __name__ == "__main__":
    main()
