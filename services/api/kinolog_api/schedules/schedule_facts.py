"""Stores facts about schedules, with the keys that seal their jobs."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable
from secrets import token_bytes

from google.protobuf import json_format

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import AccessCommit
from kinolog.access.schedule import (
    JOB_PURPOSE,
    SCHEDULE_ID_PREFIX,
    Schedule,
    ScheduleBook,
    ScheduleCreated,
    ScheduleFact,
)
from kinolog.access.webhook import SealedText
from kinolog.ids import new_id
from kinolog.job.values import Sealed
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict
from kinolog.ports.keys import KeyMissing, KeyStore
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.api_keys.key_directory import KeyDirectory

TRIES = 5
"""How often a command is decided again when another one about the same schedule was faster."""
ID_BYTES = 10
"""Random bytes of an id: 16 letters and digits."""


class ScheduleFacts:
    """Appends commits about schedules, and waits until this api knows them."""

    def __init__(self, log: AccessLog, directory: KeyDirectory, keys: KeyStore, clock: Clock) -> None:
        self._log = log
        self._directory = directory
        self._keys = keys
        self._clock = clock

    @property
    def book(self) -> ScheduleBook:
        """All schedules, as this api knows them."""
        return self._directory.schedules

    async def create(
        self, make: Callable[[SealedText], ScheduleCreated], job: pb.SubmitJobRequest, actor: str
    ) -> Schedule:
        """Create a schedule with a key of its own. `make` returns the fact from its sealed job."""
        schedule_id = f"{SCHEDULE_ID_PREFIX}{b32encode(token_bytes(ID_BYTES)).decode().lower()}"
        key = new_key()
        await self._keys.create({schedule_id: key})
        text = json_format.MessageToJson(job, indent=None, preserving_proto_field_name=True)
        sealed = Sealer(schedule_id, key).seal(text, JOB_PURPOSE)
        fact = make(SealedText(nonce=sealed.nonce, ciphertext=sealed.ciphertext))
        await self._append(schedule_id, "create_schedule", fact, actor)
        schedule = self.book.by_id(schedule_id)
        if schedule is None:
            raise AssertionError("a stored schedule is not known")
        return schedule

    async def decide(
        self, schedule: Callable[[], Schedule], command: str, fact: ScheduleFact, actor: str
    ) -> None:
        """Append a fact about a schedule. Raises what `schedule` raises, which looks it up for each try."""
        for remaining in reversed(range(TRIES)):
            found = schedule()
            try:
                await self._append(found.schedule_id, command, fact, actor, found)
                return
            except AppendConflict:
                if not remaining:
                    raise
                await self._directory.load()

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

    async def _append(
        self, schedule_id: str, command: str, fact: ScheduleFact, actor: str, before: Schedule | None = None
    ) -> None:
        commit = AccessCommit(
            key_id=schedule_id,
            command=command,
            command_id=new_id(),
            actor=actor,
            events=(fact,),
            at=self._clock(),
            previous_position=before.position if before else 0,
            previous_hash=before.hash if before else b"",
        )
        await self._directory.reached(await self._log.append(commit))
