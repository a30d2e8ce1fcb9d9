"""Carries out comparisons of everything that an operator or the clock started, while this process leads.

The stream of facts says which one goes on. One that a projector left unfinished is made again by the next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from functools import partial

from kinolog.access.access_log import AccessLog
from kinolog.access.api_key import AccessCommit
from kinolog.access.verification import (
    SCHEDULE_ACTOR,
    VERIFICATIONS,
    FileCheck,
    Verification,
    VerificationBook,
    VerificationEnded,
    VerificationFact,
    VerificationStarted,
)
from kinolog.ids import new_id
from kinolog.ports.clock import Clock
from kinolog.ports.event_store import AppendConflict, LogUnavailable
from kinolog.process.logs import fields
from kinolog.process.probe import Metric
from kinolog.process.problem_alarm import ProblemAlarm
from kinolog.process.tasks import end_tasks, keep_running
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.verify.difference import Difference
from kinolog_projector.verify.program import ProgressOfComparison, VerifyProgram

logger = logging.getLogger(__name__)

FIRST_SECONDS = 60.0
"""Pause after the start before the first comparison that nobody asked for."""
RETRY_SECONDS = 5.0
"""Pause before the facts are followed again after an error."""
ACTOR = "projector"
"""Who ends comparisons."""


class VerifyAlarm(ProblemAlarm):
    """The alarm about what a comparison of everything has found. What differs is for operators."""

    def text(self, problem: str) -> str:
        """Say what it means."""
        return "What is stored does not match. Jobs go on. kinolog doctor says what differs"

    def details(self, problem: str) -> str:
        """Say what differs."""
        return problem


class VerifySchedule:
    """Runs the program that compares everything: when it is asked for, and at an interval; None for never."""

    def __init__(
        self,
        every: timedelta | None,
        log: AccessLog,
        show: Callable[[Verification, ProgressOfComparison], Awaitable[None]],
        alarm: ProblemAlarm,
        clock: Clock,
        program: VerifyProgram,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        self._every = every
        self._log = log
        self._show = show
        self._alarm = alarm
        self._clock = clock
        self._program = program
        self._first_seconds = first_seconds
        self._book = VerificationBook()
        self._position = 0
        self._is_known = False
        self._changed = asyncio.Condition()

    def metrics(self) -> list[Metric]:
        """Return the metrics of the probe: of the last comparison, if there was one."""
        last = self._book.last_result
        if last is None or last.result is None or last.ended_at is None:
            return []
        return [
            Metric(
                name="kinolog_verify_holds",
                value=int(not last.differences),
                help="Whether the last comparison of everything found no difference.",
            ),
            Metric(
                name="kinolog_verify_commits",
                value=last.result.position,
                help="Commits that the last comparison of everything covered.",
            ),
            Metric(
                name="kinolog_verify_seconds",
                value=last.result.seconds,
                help="How long the last comparison of everything took.",
            ),
            Metric(
                name="kinolog_verify_end_seconds",
                value=last.ended_at.timestamp(),
                help="When the last comparison of everything ended, in seconds since 1970.",
            ),
        ]

    async def run(self, writer: BatchWriter, caught_up: asyncio.Event) -> None:
        """Compare when it is asked for or due, until cancelled."""
        await caught_up.wait()
        async with asyncio.TaskGroup() as group:
            for what, work in (
                ("following comparisons of everything", self._follow),
                ("comparing everything", self._carry_out),
                ("the schedule of comparisons", self._repeat),
            ):
                group.create_task(keep_running(what, work, RETRY_SECONDS))

    async def _follow(self) -> None:
        """Know what was started, cancelled and ended. Raises as `AccessLog.follow`."""
        async with aclosing(self._log.read(self._position)) as batches:
            async for batch in batches:
                for recorded in batch:
                    self._book.apply(recorded)
                    self._position = recorded.position
        await self._announce()
        async with aclosing(self._log.follow(self._position)) as batches:
            async for batch in batches:
                about = [self._book.apply(recorded) for recorded in batch]
                self._position = batch[-1].position
                if any(about):
                    await self._announce()

    async def _announce(self) -> None:
        """Raise the alarm about the last result, or clear it, and go on with what waits for a change."""
        last = self._book.last_result
        if last is not None:
            await self._alarm.update("; ".join(_described(last)))
        self._is_known = True
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._is_known and condition())

    def _is_running(self, verification_id: str | None = None) -> bool:
        running = self._book.running
        return running is not None and verification_id in (None, running.verification_id)

    async def _carry_out(self) -> None:
        """Make the comparison that goes on, and then the next ones."""
        while True:
            await self._until(self._is_running)
            verification = self._book.running
            if verification is not None:
                await self._make(verification)

    async def _make(self, verification: Verification) -> None:
        """Make a comparison, unless it is cancelled meanwhile, and wait until its end is known."""
        is_over = partial(self._is_over, verification.verification_id)
        report = partial(self._show, verification)
        making = asyncio.create_task(self._program.run(verification, report), name="comparison")
        cancelling = asyncio.create_task(self._until(is_over), name="cancelled comparison")
        try:
            await asyncio.wait((making, cancelling), return_when=asyncio.FIRST_COMPLETED)
            if not is_over():
                ended = await making
                _log(ended)
                await self._append("end_verification", ended, ACTOR)
                await self._until(is_over)
        finally:
            await end_tasks((making, cancelling))

    def _is_over(self, verification_id: str) -> bool:
        return not self._is_running(verification_id)

    async def _repeat(self) -> None:
        """Start a comparison whenever it is due. Without an interval, never."""
        if self._every is None:
            await asyncio.Event().wait()
            return
        await asyncio.sleep(self._first_seconds)
        while True:
            await self._until(lambda: not self._is_running())
            pause = self._seconds_to_next(self._every)
            if pause > 0:
                await asyncio.sleep(pause)
                continue  # another one may have been made meanwhile
            started = VerificationStarted(verification_id=new_id(), files=FileCheck.NONE)
            await self._append("start_verification", started, SCHEDULE_ACTOR)

    def _seconds_to_next(self, every: timedelta) -> float:
        """Return how long to wait after the end of the last one. A clock that was set back prolongs it by no more."""
        ended = next((one.ended_at for one in self._book.newest_first() if one.ended_at is not None), None)
        if ended is None:
            return 0.0
        return min(every - (self._clock() - ended), every).total_seconds()

    async def _append(self, command: str, fact: VerificationFact, actor: str) -> None:
        """Store a fact, as soon as the stream can be written. It is dropped if another one was stored meanwhile."""
        tail = self._book.tail
        commit = AccessCommit(
            key_id=VERIFICATIONS,
            command=command,
            command_id=new_id(),
            actor=actor,
            events=(fact,),
            at=self._clock(),
            previous_position=tail.position if tail else 0,
            previous_hash=tail.hash if tail else b"",
        )
        while True:
            try:
                await self._log.append(commit)
            except LogUnavailable as error:
                logger.warning("%s is not stored now: %s", command, error)
                await asyncio.sleep(RETRY_SECONDS)
            except AppendConflict:
                break
            else:
                break
        await self._until(lambda: self._book.tail is not None and self._book.tail != tail)


def _described(verification: Verification) -> list[str]:
    return [
        f"{part.name}: {Difference(position=part.position, job_id=part.job_id, text=part.detail)}"
        for part in verification.differences
    ]


def _log(ended: VerificationEnded) -> None:
    if ended.failure:
        logger.warning(
            "the comparison of everything ended early: %s", ended.failure, extra=fields("verify_failed")
        )
        return
    differing = [part for part in ended.parts if not part.holds]
    log = logger.error if differing else logger.info
    log(
        "everything was compared up to position %s in %.1f s: %s",
        ended.position,
        ended.seconds,
        "; ".join(f"{part.name}: {part.detail}" for part in differing) or "nothing differs",
        extra=fields("verified", holds=not differing, position=ended.position, differences=len(differing)),
    )
