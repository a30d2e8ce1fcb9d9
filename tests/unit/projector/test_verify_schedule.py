"""Comparisons of everything: made when asked for or due, with their results as facts, metrics and an alarm."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kinolog_projector.verify.program import ProgressOfComparison, VerifyProgram
from kinolog_projector.verify.schedule import VerifyAlarm, VerifySchedule

from kinolog.access.api_key import AccessCommit
from kinolog.access.verification import (
    VERIFICATIONS,
    FileCheck,
    Verification,
    VerificationBook,
    VerificationCancelled,
    VerificationFact,
    VerificationStarted,
    VerificationState,
)
from kinolog.ids import new_id
from tests.adapters.memory.access_log import MemoryAccessLog
from tests.adapters.memory.alarms import MemoryAlarms
from tests.fixtures.tasks import background_task
from tests.fixtures.waits import until, until_true

NOW = datetime(2026, 11, 28, tzinfo=UTC)
WRONG = {"name": "lists", "count": 9, "unit": "job", "holds": False, "position": 3, "job_id": "a" * 26}
WRONG_TEXT = f"lists: position 3, job {'a' * 26}: lists lack the job"
WHOLE: dict[str, Any] = {"holds": True, "position": 12, "seconds": 1.5, "parts": []}
BROKEN = WHOLE | {"holds": False, "parts": [WRONG | {"detail": "lists lack the job"}]}


@dataclass(slots=True)
class Bench:
    """A stream of facts, and a schedule that runs a program of the test."""

    log: MemoryAccessLog = field(default_factory=MemoryAccessLog)
    alarms: MemoryAlarms = field(default_factory=lambda: MemoryAlarms("projector"))
    shown: list[ProgressOfComparison] = field(default_factory=list)
    program: VerifyProgram = field(default_factory=VerifyProgram)
    schedule: VerifySchedule | None = None

    async def show(self, verification: Verification, progress: ProgressOfComparison) -> None:
        """Note how far a comparison is."""
        self.shown.append(progress)

    @asynccontextmanager
    async def running(self, *lines: str, every: timedelta | None = None) -> AsyncIterator[VerifySchedule]:
        """Run the schedule of a program."""
        program = (sys.executable, "-c", "\n".join(("import sys, time", *lines)))
        self.program = VerifyProgram(program)
        alarm = VerifyAlarm(self.alarms, "verify", lambda: NOW)
        made = VerifySchedule(every, self.log, self.show, alarm, lambda: NOW, self.program, first_seconds=0)
        caught_up, writer = asyncio.Event(), None
        caught_up.set()
        async with background_task(made.run(writer, caught_up)):  # type: ignore[arg-type]
            yield made

    async def book(self) -> VerificationBook:
        """Return what the stream states."""
        book = VerificationBook()
        async for batch in self.log.read(0):
            for recorded in batch:
                book.apply(recorded)
        return book

    async def store(self, fact: VerificationFact) -> None:
        """Store a fact, as the api does."""
        tail = (await self.book()).tail
        await self.log.append(
            AccessCommit(
                key_id=VERIFICATIONS,
                command="test",
                command_id=new_id(),
                actor="ada",
                events=(fact,),
                at=NOW,
                previous_position=tail.position if tail else 0,
                previous_hash=tail.hash if tail else b"",
            )
        )

    async def start(self, files: FileCheck = FileCheck.NONE) -> str:
        """Start a comparison, as an operator does."""
        started = VerificationStarted(verification_id=new_id(), files=files)
        await self.store(started)
        return started.verification_id

    async def ended(self, verification_id: str) -> Verification:
        """Wait until a comparison has ended."""

        async def read() -> Verification | None:
            return (await self.book()).by_id(verification_id)

        found = await until(read, "its end", lambda made: made is not None and made.ended_at is not None)
        assert found is not None
        return found


def printing(*facts: dict[str, Any]) -> Sequence[str]:
    """Return lines of a program that prints facts."""
    return [f"print({json.dumps(json.dumps(each))})" for each in facts]


async def test_one_that_an_operator_started() -> None:
    """Its progress is shown, and its result is a fact with the first difference."""
    bench = Bench()
    progress = {"progress": {"commits": 3, "all_commits": 12, "jobs": 1}}
    async with bench.running(*printing(progress, BROKEN), "sys.exit('--files' not in sys.argv)"):
        made = await bench.ended(await bench.start(FileCheck.SIZES))
        assert (made.state, made.files, made.started_by) == (
            VerificationState.DIFFERS,
            FileCheck.SIZES,
            "ada",
        )
        assert made.result is not None
        assert (made.result.position, made.result.seconds, made.ended_by) == (12, 1.5, "projector")
        ((name, position, detail),) = [(part.name, part.position, part.detail) for part in made.differences]
        assert (name, position, detail) == ("lists", 3, "lists lack the job")
        assert bench.shown == [ProgressOfComparison(commits=3, all_commits=12, jobs=1)]
    assert not bench.program.is_running


async def test_a_difference_is_an_alarm_until_there_is_none() -> None:
    """It stands again after a restart of the projector, since the result is a fact."""
    bench = Bench()
    async with bench.running(*printing(BROKEN)):
        await bench.ended(await bench.start())
    bench.alarms = MemoryAlarms("projector")
    async with bench.running(*printing(WHOLE)):
        (alarm,) = await until(bench.alarms.current, "the alarm")
        assert (alarm.name, alarm.details) == ("verify", WRONG_TEXT)
        assert "lists lack" not in alarm.text
        await bench.ended(await bench.start())
        await until(bench.alarms.current, "no alarm", lambda found: not found)


async def test_metrics_of_the_last_comparison() -> None:
    bench = Bench()
    async with bench.running(*printing(WHOLE)) as schedule:
        assert not schedule.metrics()
        await bench.ended(await bench.start())
        await until_true(schedule.metrics, "the metrics")
        found = {m.name.removeprefix("kinolog_verify_"): m.value for m in schedule.metrics()}
        assert found == {"holds": 1, "commits": 12, "seconds": 1.5, "end_seconds": NOW.timestamp()}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("sys.exit('Postgres: away')", "Postgres: away"),
        ("sys.exit(2)", "exit status 2"),
        ("print('no result')", "exit status 0"),
        ("print('{}')", "exit status 0"),
    ],
)
async def test_a_comparison_that_cannot_be_made(line: str, reason: str) -> None:
    """It says why. The alarm stays as it is."""
    bench = Bench()
    async with bench.running(*printing(BROKEN)):
        await bench.ended(await bench.start())
        await until(bench.alarms.current, "the alarm")
    async with bench.running(line):
        made = await bench.ended(await bench.start())
        assert made.result is not None
        assert (made.state, made.result.failure) == (VerificationState.FAILED, reason)
        assert len(await bench.alarms.current()) == 1


async def test_a_program_that_does_not_start(tmp_path: Path) -> None:
    bench = Bench()
    alarm = VerifyAlarm(bench.alarms, "verify", lambda: NOW)
    program = VerifyProgram([str(tmp_path / "missing")])
    made = VerifySchedule(None, bench.log, bench.show, alarm, lambda: NOW, program)
    caught_up, writer = asyncio.Event(), None
    caught_up.set()
    async with background_task(made.run(writer, caught_up)):  # type: ignore[arg-type]
        ended = await bench.ended(await bench.start())
    assert ended.result is not None
    assert "does not start" in ended.result.failure


async def test_it_is_repeated() -> None:
    """The schedule starts one when the last one ended so long ago."""
    bench = Bench()
    async with bench.running(*printing(BROKEN), every=timedelta(microseconds=1)) as schedule:
        schedule._clock = lambda: datetime.now(UTC)
        book = await until(bench.book, "two comparisons", lambda book: len(book.newest_first()) >= 2)
    assert {made.started_by for made in book.newest_first()} == {"schedule"}


async def test_no_comparison_is_due_after_one_that_was_made_a_moment_ago() -> None:
    """A projector that starts again does not compare everything each time."""
    bench = Bench()
    async with bench.running(*printing(WHOLE)):
        await bench.ended(await bench.start())
    async with bench.running(*printing(WHOLE), every=timedelta(hours=1)) as schedule:
        await until_true(schedule.metrics, "what was made before")
        assert 0 < schedule._seconds_to_next(timedelta(hours=1)) <= 3600
        assert len((await bench.book()).newest_first()) == 1


async def test_one_that_is_cancelled_ends_its_program() -> None:
    """And the next one can be started."""
    bench = Bench()
    async with bench.running("time.sleep(600)"):
        cancelled = await bench.start()
        await until_true(lambda: bench.program.is_running, "the program")
        await bench.store(VerificationCancelled(verification_id=cancelled))
        await until_true(lambda: not bench.program.is_running, "the end of the program")
        assert (await bench.ended(cancelled)).state is VerificationState.CANCELLED
        await bench.start()
        await until_true(lambda: bench.program.is_running, "the next program")
    assert not bench.program.is_running


async def test_a_comparison_goes_on_after_a_restart() -> None:
    """A projector that ends takes its program along, and the next projector makes the comparison."""
    bench = Bench()
    async with bench.running("time.sleep(600)"):
        unfinished = await bench.start()
        await until_true(lambda: bench.program.is_running, "the program")
    assert not bench.program.is_running
    async with bench.running(*printing(WHOLE)):
        assert (await bench.ended(unfinished)).state is VerificationState.HOLDS
