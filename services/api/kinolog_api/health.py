"""Health per service: a service is SERVING while its dependencies answer.

`python -m kinolog_api.health HOST:PORT` checks a running api. Its exit status is 0 if all services are SERVING.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Awaitable

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio  # type: ignore[attr-defined]  # stubs leave it out

from kinolog.ports.event_store import EventStore
from kinolog.ports.read_model import ReadModel
from kinolog.process.logs import fields

logger = logging.getLogger(__name__)

CHECK_INTERVAL_SECONDS = 2.0

TIMEOUT_SECONDS = 2.0
"""A dependency that takes longer counts as unavailable."""

LOG, DATABASE = "log", "database"
DEPENDENCIES_OF = {
    "kinolog.v1.JobService": (LOG, DATABASE),
    "kinolog.v1.AnalyticsService": (DATABASE,),
    "kinolog.v1.AuditService": (LOG, DATABASE),
    "": (LOG, DATABASE),
}
"""The dependencies of each service. The empty name is the api as a whole."""


class HealthMonitor:
    """Checks the dependencies and updates the health service."""

    def __init__(self, health: health_aio.HealthServicer, store: EventStore, read_model: ReadModel) -> None:
        self._health = health
        self._store = store
        self._read_model = read_model
        self._unavailable: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Check at intervals, until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_SECONDS)
            await self.check()

    async def check(self) -> None:
        """Check all dependencies once and update the health of all services."""
        answers = await asyncio.gather(
            _answers(LOG, self._store.last_position()), _answers(DATABASE, self._read_model.position())
        )
        unavailable = frozenset(
            name for name, is_available in zip((LOG, DATABASE), answers, strict=True) if not is_available
        )
        for name in unavailable - self._unavailable:
            logger.warning(
                "the %s does not answer", name, extra=fields("dependency_unavailable", dependency=name)
            )
        for name in self._unavailable - unavailable:
            logger.info("the %s answers again", name, extra=fields("dependency_available", dependency=name))
        self._unavailable = unavailable
        for service, dependencies in DEPENDENCIES_OF.items():
            status = health_pb2.HealthCheckResponse.SERVING
            if unavailable.intersection(dependencies):
                status = health_pb2.HealthCheckResponse.NOT_SERVING
            await self._health.set(service, status)


async def _answers(name: str, request: Awaitable[int]) -> bool:
    """Return whether a dependency answers a request in time."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await request
    except Exception as error:  # any error means that the dependency cannot be used
        logger.debug("the %s does not answer: %s", name, type(error).__name__)
        return False
    return True


def main() -> None:
    """Check the api at the address in the first argument."""
    target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
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
