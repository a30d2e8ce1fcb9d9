"""A worker asks early whether the key of a job is stored, and believes only that it is."""

from __future__ import annotations

import asyncio

import pytest
from kinolog_worker.queue import early_key_look
from kinolog_worker.queue.early_key_look import EarlyKeyLook

from kinolog.ports.event_store import LogUnavailable
from kinolog.privacy.job_keys import StoredJobKeys
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.job_keys import MemoryJobKeys
from tests.adapters.memory.keys import MemoryKeyStore


class AnsweredKeys(MemoryJobKeys):
    """Answers to the requests for one key, in their order; the last one is repeated."""

    def __init__(self, *answers: bool | Exception) -> None:
        super().__init__(StoredJobKeys(MemoryEventStore(), MemoryKeyStore()))
        self._answers = answers
        self.requests = 0

    async def is_stored(self, job_id: str) -> bool:
        answer = self._answers[min(self.requests, len(self._answers) - 1)]
        self.requests += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("answers", "is_stored", "requests"),
    [
        ((True,), True, 1),
        ((False, True), True, 2),
        ((False, False), False, 2),
        ((LogUnavailable("an older state"), True), True, 2),
    ],
)
async def test_only_a_key_that_is_found_is_believed(
    answers: tuple[bool | Exception, ...], is_stored: bool, requests: int
) -> None:
    """The early request may reach a process that does not know the job yet."""
    keys = AnsweredKeys(*answers)
    async with EarlyKeyLook(keys, "a job") as look:
        assert await look.is_stored() is is_stored
    assert keys.requests == requests


async def test_an_old_answer_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job may have waited for its device."""
    monkeypatch.setattr(early_key_look, "FRESH_SECONDS", -1.0)
    keys = AnsweredKeys(True, False)
    async with EarlyKeyLook(keys, "a job") as look:
        await asyncio.sleep(0)
        assert not await look.is_stored()


async def test_a_request_whose_answer_is_not_needed_is_ended() -> None:
    """As for the ticket of a job that has ended; its error is nobody's."""
    waiting, ended = asyncio.Event(), asyncio.Event()

    class Silent(AnsweredKeys):
        async def is_stored(self, job_id: str) -> bool:
            waiting.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()
            return False

    async with EarlyKeyLook(Silent(), "a job"):
        await waiting.wait()
    assert ended.is_set()
