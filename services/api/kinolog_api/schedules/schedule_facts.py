"""Stores facts about schedules, with the keys that seal their jobs."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf import json_format

from kinolog.access.access_log import AccessLog
from kinolog.access.schedule import (
    JOB_PURPOSE,
    SCHEDULE_ID_PREFIX,
    Schedule,
    ScheduleBook,
    ScheduleCreated,
    ScheduleFact,
)
from kinolog.access.webhook import SealedText
from kinolog.job.values import Sealed
from kinolog.ports.clock import Clock
from kinolog.ports.keys import KeyMissing, KeyStore
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.api_keys.fact_log import FactLog, new_thing_id
from kinolog_api.api_keys.key_directory import KeyDirectory


class ScheduleFacts:
    """Appends commits about schedules, and waits until this api knows them."""

    def __init__(self, log: AccessLog, directory: KeyDirectory, keys: KeyStore, clock: Clock) -> None:
        self._facts = FactLog(log, directory, clock)
        self._directory = directory
        self._keys = keys

    @property
    def book(self) -> ScheduleBook:
        """All schedules, as this api knows them."""
        return self._directory.schedules

    async def load(self) -> None:
        """Read what another api has stored a moment ago. Raises `LogUnavailable`."""
        await self._directory.load()

    async def create(
        self, make: Callable[[SealedText], ScheduleCreated], job: pb.SubmitJobRequest, actor: str
    ) -> Schedule:
        """Create a schedule with a key of its own. `make` returns the fact from its sealed job."""
        schedule_id = new_thing_id(SCHEDULE_ID_PREFIX)
        key = new_key()
        await self._keys.create({schedule_id: key})
        text = json_format.MessageToJson(job, indent=None, preserving_proto_field_name=True)
        sealed = Sealer(schedule_id, key).seal(text, JOB_PURPOSE)
        fact = make(SealedText(nonce=sealed.nonce, ciphertext=sealed.ciphertext))
        await self._facts.append(schedule_id, "create_schedule", fact, actor)
        schedule = self.book.by_id(schedule_id)
        if schedule is None:
            raise AssertionError("a stored schedule is not known")
        return schedule

    async def decide(
        self, schedule: Callable[[], Schedule], command: str, fact: ScheduleFact, actor: str
    ) -> None:
        """Append a fact about a schedule. Raises what `schedule` raises, which looks it up for each try."""
        await self._facts.decide(schedule().schedule_id, command, fact, actor, schedule)

    async def job(self, schedule: Schedule) -> pb.SubmitJobRequest:
        """Return the request of the jobs of a schedule. Raises `KeyMissing`, `UnsealFailed`."""
        key = await self._keys.get(schedule.schedule_id)
        if key is None:
            raise KeyMissing(schedule.schedule_id, schedule.schedule_id)
        sealer = Sealer(schedule.schedule_id, key)
        sealed = Sealed(nonce=schedule.job.nonce, ciphertext=schedule.job.ciphertext)
        text = sealer.unseal(sealed, JOB_PURPOSE)
        return json_format.Parse(text, pb.SubmitJobRequest(), ignore_unknown_fields=True)

    async def erase_key(self, schedule_id: str) -> None:
        """Delete the key that seals the job of a schedule. It cannot be read any more."""
        await self._keys.erase(schedule_id)
