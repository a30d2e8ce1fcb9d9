"""Health per service: a service serves as long as the parts that it needs answer.

`python -m kinolog_api.health HOST:PORT` asks a running api; its exit status is 0 when everything is served.
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

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Between two looks."""

ANSWER_SECONDS = 2.0
"""A part that takes longer is away."""

LOG, DATABASE = "log", "database"
NEEDS = {
    "kinolog.v1.JobService": (LOG, DATABASE),
    "kinolog.v1.AnalyticsService": (DATABASE,),
    "kinolog.v1.AuditService": (LOG, DATABASE),
    "": (LOG, DATABASE),
}
"""What each service needs; the empty name is the api as a whole."""


class HealthMonitor:
    """Looks after log and database, and tells the health service."""

    def __init__(self, health: health_aio.HealthServicer, store: EventStore, read_model: ReadModel) -> None:
        self._health = health
        self._store = store
        self._read_model = read_model
        self._away: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Look once, and tell."""
        found = await asyncio.gather(
            _missing(LOG, self._store.last_position()), _missing(DATABASE, self._read_model.position())
        )
        away = frozenset(name for name in found if name)
        for name in away - self._away:
            log.warning("the %s does not answer", name, extra=fields("part_away", part=name))
        for name in self._away - away:
            log.info("the %s answers again", name, extra=fields("part_back", part=name))
        self._away = away
        for service, needs in NEEDS.items():
            serving = health_pb2.HealthCheckResponse.SERVING
            if away.intersection(needs):
                serving = health_pb2.HealthCheckResponse.NOT_SERVING
            await self._health.set(service, serving)


async def _missing(name: str, question: Awaitable[int]) -> str:
    """The name of a part that does not answer; empty for one that does."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await question
    except Exception as error:  # whatever it is, the part is of no use
        log.debug("the %s does not answer: %s", name, type(error).__name__)
        return name
    return ""


def main() -> None:
    """Ask the api at the address given as argument."""
    target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"
    with grpc.insecure_channel(target) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=ANSWER_SECONDS
            )
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else error
            sys.exit(f"{target} does not answer: {code}")
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        sys.exit(f"{target} is not serving")


if __name__ == "__main__":
    main()
