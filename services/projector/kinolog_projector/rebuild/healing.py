"""Makes read models again that the running projector cannot use, without a person. See decision 68."""

from __future__ import annotations

import asyncio
import logging

import psycopg

from kinolog.ports.event_store import EventStore, LogUnavailable
from kinolog.ports.keys import ArchivableKeyStore
from kinolog.process.backoff import Backoff
from kinolog.process.logs import fields
from kinolog.readmodel.database import first_line
from kinolog_projector.rebuild.rebuild import Rebuild, RebuildRunning
from kinolog_projector.schema.database_damage import described_damage
from kinolog_projector.schema.revision import WrongSchema

logger = logging.getLogger(__name__)

PAUSES = Backoff(first_seconds=60.0, longest_seconds=3_600.0)
"""Shortest time between two rebuilds. It doubles with each, for the sake of a disk that damages what it stores."""
QUIET_SECONDS = 24 * 3_600.0
"""After this time without a rebuild the pauses begin with the shortest again."""


class ReadModelHealing:
    """Rebuilds the read models from the log when asked, but not too often."""

    def __init__(
        self,
        database_url: str,
        store: EventStore,
        keys: ArchivableKeyStore,
        batch_size: int,
        pauses: Backoff = PAUSES,
    ) -> None:
        self._database_url = database_url
        self._rebuild = Rebuild(database_url, store, keys, batch_size)
        self._pauses = pauses
        self._rebuilds = 0
        self._ended_at = 0.0
        self._failure = ""

    async def run(self) -> str:
        """Rebuild, unless the last rebuild is too recent. Return why they are not made again; empty if they are.

        Raises `DamagedLog`: without the log nothing can be made again.
        """
        loop = asyncio.get_running_loop()
        idle_seconds = loop.time() - self._ended_at
        if self._rebuilds and idle_seconds > QUIET_SECONDS:
            self._rebuilds = 0
        if self._rebuilds and idle_seconds < self._pauses.seconds(self._rebuilds):
            return self._failure or "They were made again not long ago"
        self._failure = await self._try()
        self._rebuilds += 1
        self._ended_at = loop.time()
        return self._failure

    async def _try(self) -> str:
        try:
            rebuilt = await self._rebuild.run(replaces_other_version=False)
        except psycopg.InternalError as error:
            return f"A rebuild fails: {await described_damage(self._database_url, error)}"
        except (psycopg.OperationalError, psycopg.InterfaceError, LogUnavailable) as error:
            return f"A rebuild fails: {first_line(error)}"
        except psycopg.Error as error:  # the error of a statement may quote a value
            return f"A rebuild fails: {type(error).__name__}"
        except (RebuildRunning, WrongSchema) as error:
            return f"A rebuild does not begin: {error}"
        logger.warning("the read models were made again", extra=fields("healed", position=rebuilt.position))
        return ""
