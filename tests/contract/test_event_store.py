"""Conformance of the logs. Runs in memory, on one nats-server and on three with three replicas."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from kinolog.adapters.jetstream.subjects import EVENTS, Service
from kinolog.codec.commits import decode_commit, encode_commit
from kinolog.command_handler import CommandHandler
from kinolog.job.commands import Cancel, Prefetch, Reprioritize
from kinolog.job.commit import RecordedCommit
from kinolog.job.state import FOLD_VERSION
from kinolog.job.values import Priority, Status
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import AppendConflict, Appended, DamagedLog, EventStore
from tests.builders.jobs import submit
from tests.fixtures.log import (
    KINDS,
    Kind,
    all_of,
    commit_of,
    damage_of,
    empty_streams,
    first_commit,
    given_job,
    given_jobs,
    job_name,
    memory_stores,
    open_stores,
    server_of,
)
from tests.fixtures.waits import WAIT_SECONDS


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The log that is tested."""
    found: Kind = request.param
    return found


@pytest.fixture
async def log(request: pytest.FixtureRequest, kind: Kind) -> AsyncIterator[EventStore]:
    """One of the logs, empty, with the permissions of the api."""
    if kind == "memory":
        yield memory_stores().log
        return
    server = server_of(request, kind)
    await empty_streams(server, [EVENTS])
    async with open_stores(server, Service.API) as stores:
        yield stores.log


@pytest.fixture
async def impatient_log(
    request: pytest.FixtureRequest, kind: Kind, log: EventStore
) -> AsyncIterator[EventStore]:
    """The same log: what is missing there counts as lost after half a second."""
    if kind == "memory":
        yield log
        return
    async with open_stores(server_of(request, kind), Service.API, retry_timeout_seconds=0.5) as stores:
        yield stores.log


@asynccontextmanager
async def following(log: EventStore, after: int) -> AsyncIterator[AsyncIterator[Sequence[RecordedCommit]]]:
    """Yield a follower, and stop it at the end."""
    batches = log.follow(after)
    assert isinstance(batches, AsyncGenerator)
    try:
        yield batches
    finally:
        await batches.aclose()


# --- one job ---------------------------------------------------------------------------------------------


async def test_an_empty_log_holds_no_job(log: EventStore) -> None:
    """Nothing is loaded, listed or counted before the first append."""
    assert await log.load(job_name()) is None
    assert [recorded async for recorded in log.history(job_name())] == []
    assert await log.last_position() == 0
    assert await all_of(log.read(0)) == []


async def test_an_appended_commit_is_loaded(log: EventStore) -> None:
    """Given a first commit, its job is loaded with the state, position and hash of that commit."""
    job_id = job_name()
    commit = first_commit(job_id)
    appended = await log.append(commit)
    loaded = await log.load(job_id)
    assert loaded is not None
    assert loaded.job == commit.state
    assert (loaded.position, loaded.digest) == (appended.position, appended.digest) == (1, loaded.digest)
    assert loaded.digest == encode_commit(commit).digest
    assert loaded.command_id == "submit"


async def test_history_is_the_chain_of_commits(log: EventStore) -> None:
    """Given three commits among those of other jobs, the history has these three, each building on the one before."""
    await given_jobs(log, 3)
    job_id = await given_job(log, commits=3)
    history = [recorded async for recorded in log.history(job_id)]
    assert [recorded.commit.command.name for recorded in history] == ["submit", "prefetch", "cancel"]
    assert [recorded.commit.previous_position for recorded in history] == [0, 4, 5]
    assert [recorded.commit.previous_hash for recorded in history] == [b"", *(r.digest for r in history[:2])]
    loaded = await log.load(job_id)
    assert loaded is not None
    assert loaded.job == history[-1].commit.state
    assert loaded.job.status is Status.CANCELLED


async def test_what_is_stored_is_what_was_encoded(log: EventStore) -> None:
    """The raw bytes in the log are those of the commit, and decode to it again."""
    job_id = job_name()
    commit = first_commit(job_id)
    await log.append(commit)
    (recorded,) = await all_of(log.read(0))
    assert recorded.raw == encode_commit(commit).raw
    assert decode_commit(1, recorded.raw).commit == commit


async def test_state_of_another_fold_is_folded_again(log: EventStore) -> None:
    """Given a tail whose state an older fold wrote, loading folds the history and takes nothing from that state."""
    job_id = await given_job(log)
    loaded = await log.load(job_id)
    assert loaded is not None
    commit = commit_of(job_id, loaded, Reprioritize(id="hurry", actor="tester", priority=Priority.HIGH))
    outdated = replace(commit.state, priority=Priority.LOW, tenant="of an older fold")
    await log.append(replace(commit, state=outdated, fold_version=FOLD_VERSION - 1))
    folded = await log.load(job_id)
    assert folded is not None
    assert folded.job == commit.state
    assert folded.position == 2


# --- appending -------------------------------------------------------------------------------------------


async def test_positions_are_contiguous_from_one(log: EventStore) -> None:
    """Given appends of every kind, the positions are 1, 2, 3 and so on."""
    await given_job(log, commits=3)
    await given_jobs(log, 40)
    await given_job(log, commits=2)
    assert [recorded.position for recorded in await all_of(log.read(0))] == list(range(1, 46))
    assert await log.last_position() == 45


async def test_a_commit_appended_again_keeps_its_position(log: EventStore) -> None:
    """Given a commit, appending it again, as after a lost answer, stores nothing and returns its position."""
    commit = first_commit(job_name())
    first = await log.append(commit)
    assert await log.append(commit) == first
    assert await log.last_position() == 1


async def test_a_commit_decided_again_keeps_its_position(log: EventStore) -> None:
    """Given a commit, one of the same command from a later time is recognised and returns the hash of the first."""
    job_id = job_name()
    first = await log.append(first_commit(job_id))
    later = replace(first_commit(job_id), at=system_clock())
    assert await log.append(later) == first


async def test_an_overtaken_commit_is_found_in_the_history(log: EventStore) -> None:
    """Given a commit with later commits, appending it again returns its own position."""
    job_id = job_name()
    commit = first_commit(job_id)
    first = await log.append(commit)
    await log.append(commit_of(job_id, await log.load(job_id), Prefetch(id="prefetch", actor="tester")))
    assert await log.append(replace(commit, at=system_clock())) == first
    assert await log.append(commit) == first


async def test_a_commit_on_an_old_tail_conflicts(log: EventStore) -> None:
    """Given a job that has changed, a commit that builds on its old tail is refused and leaves nothing."""
    job_id = await given_job(log)
    old = await log.load(job_id)
    await log.append(commit_of(job_id, old, Prefetch(id="prefetch", actor="tester")))
    with pytest.raises(AppendConflict, match=job_id):
        await log.append(commit_of(job_id, old, Cancel(id="cancel", actor="tester")))
    assert await log.last_position() == 2


async def test_a_second_first_commit_conflicts(log: EventStore) -> None:
    """Given a job, another command's first commit under the same id is refused."""
    job_id = await given_job(log)
    with pytest.raises(AppendConflict):
        await log.append(first_commit(job_id, "another"))


async def test_of_racing_writers_one_wins(log: EventStore) -> None:
    """Given one tail and sixteen writers that build on it, exactly one is stored and the rest conflict."""
    job_id = await given_job(log)
    tail = await log.load(job_id)
    commits = [commit_of(job_id, tail, Cancel(id=f"cancel {number}", actor="tester")) for number in range(16)]
    answers = await asyncio.gather(*map(log.append, commits), return_exceptions=True)
    assert sum(isinstance(answer, Appended) for answer in answers) == 1
    assert sum(isinstance(answer, AppendConflict) for answer in answers) == 15
    assert await log.last_position() == 2


async def test_of_racing_first_commits_one_wins(log: EventStore) -> None:
    """Given sixteen first commits under one id at once, exactly one is stored and the rest conflict."""
    job_id = job_name()
    commits = [first_commit(job_id, f"submit {number}") for number in range(16)]
    answers = await asyncio.gather(*map(log.append, commits), return_exceptions=True)
    assert sum(isinstance(answer, Appended) for answer in answers) == 1
    assert sum(isinstance(answer, AppendConflict) for answer in answers) == 15


async def test_racing_commands_all_take_effect(log: EventStore) -> None:
    """Given commands that race through the handler, each is decided again until it is stored: none is lost."""
    job_id = await given_job(log)
    handler = CommandHandler(log, system_clock)
    priorities = [Priority.HIGH, Priority.LOW, Priority.CRITICAL]
    commands = [
        Reprioritize(id=f"command {number}", actor="tester", priority=p)
        for number, p in enumerate(priorities)
    ]
    await asyncio.gather(*(handler.handle(job_id, command) for command in commands))
    history = [recorded async for recorded in log.history(job_id)]
    assert {r.commit.command.id for r in history} == {"submit", *(command.id for command in commands)}


# --- many first commits ----------------------------------------------------------------------------------


async def test_many_first_commits_are_answered_in_order(log: EventStore) -> None:
    """Given more first commits than one batch holds, each returns its own position and hash."""
    commits = [first_commit(job_name()) for _ in range(1200)]
    answers = await log.append_first(commits)
    stored = {recorded.commit.job_id: recorded for recorded in await all_of(log.read(0))}
    assert len(stored) == 1200
    for commit, answer in zip(commits, answers, strict=True):
        recorded = stored[commit.job_id]
        assert answer == Appended(recorded.position, recorded.digest)


async def test_a_taken_id_affects_no_other(log: EventStore) -> None:
    """Given a taken id and a repeat among many first commits, one conflicts, one is recognised, the rest are stored."""
    taken = await given_job(log)
    repeated = first_commit(job_name())
    first = await log.append(repeated)
    fresh = [first_commit(job_name()) for _ in range(30)]
    answers = await log.append_first([*fresh[:10], first_commit(taken, "other"), *fresh[10:], repeated])
    assert isinstance(answers[10], AppendConflict)
    assert answers[-1] == first
    stored = [answer for answer in answers[:10] + answers[11:-1] if isinstance(answer, Appended)]
    assert len(stored) == 30
    assert await log.last_position() == 32


async def test_one_id_twice_among_many(log: EventStore) -> None:
    """Given the same id twice in one call, a repeat is recognised and another command conflicts."""
    commits = [first_commit(job_name()) for _ in range(12)]
    other = first_commit(commits[0].job_id, "other")
    answers = await log.append_first([*commits, commits[1], other])
    assert answers[12] == answers[1]
    assert isinstance(answers[13], AppendConflict)
    assert await log.last_position() == 12


async def test_no_first_commits_have_no_results(log: EventStore) -> None:
    """Storing no commits returns no results."""
    assert await log.append_first([]) == []


async def test_concurrent_first_commits_are_each_stored_once(log: EventStore) -> None:
    """Given 200 callers with a first commit each, half of them twice, every job is stored once."""
    commits = [first_commit(job_name()) for _ in range(200)]
    answers = await asyncio.gather(*map(log.append, [*commits, *commits[:100]]))
    assert answers[200:] == answers[:100]
    assert sorted(answer.position for answer in answers[:200]) == list(range(1, 201))


# --- reading ---------------------------------------------------------------------------------------------


async def test_reading_has_a_first_and_a_last_position(log: EventStore) -> None:
    """Given ten commits, a read yields those after `after` up to `until`, and no more than there are."""
    await given_jobs(log, 10)
    assert [r.position for r in await all_of(log.read(3, 7))] == [4, 5, 6, 7]
    assert [r.position for r in await all_of(log.read(7))] == [8, 9, 10]
    assert [r.position for r in await all_of(log.read(8, 99))] == [9, 10]
    assert await all_of(log.read(10)) == []
    assert await all_of(log.read(5, 5)) == []


async def test_a_log_that_ends_too_early_is_damaged(log: EventStore) -> None:
    """Given two commits, reading or following after position three raises DamagedLog."""
    await given_jobs(log, 2)
    with pytest.raises(DamagedLog, match="ends at 2, before 3"):
        await all_of(log.read(3))
    with pytest.raises(DamagedLog, match="ends at 2, before 3"):
        await anext(aiter(log.follow(3)))


async def test_building_on_a_lost_commit_is_damage(log: EventStore, impatient_log: EventStore) -> None:
    """Given a commit that builds on a position which its job's history does not reach, the append raises DamagedLog."""
    job_id = await given_job(log)
    tail = await log.load(job_id)
    assert tail is not None
    commit = commit_of(job_id, replace(tail, position=7), Cancel(id="cancel", actor="tester"))
    await damage_of(lambda: impatient_log.append(commit))


async def test_following_yields_past_and_new_commits(log: EventStore) -> None:
    """Given commits before and while following, all arrive, in order and once."""
    await given_jobs(log, 20)
    seen: list[int] = []

    async def follow() -> None:
        async with following(log, 5) as batches:
            async for batch in batches:
                seen.extend(recorded.position for recorded in batch)
                if seen[-1] >= 60:
                    return

    follower = asyncio.create_task(follow())
    for _ in range(4):
        await given_jobs(log, 9)
        await given_job(log)
    async with asyncio.timeout(WAIT_SECONDS):
        await follower
    assert seen == list(range(6, 61))


async def test_followers_do_not_disturb_each_other(log: EventStore) -> None:
    """Given a follower that reads one batch and stops, another still reads everything."""
    await given_jobs(log, 3)
    async with following(log, 0) as leaving:
        await anext(leaving)
    async with following(log, 0) as batches:
        assert [r.position for r in await anext(batches)] == [1, 2, 3]
        await log.append(commit_of(job_id := job_name(), None, submit()))
        async with asyncio.timeout(WAIT_SECONDS):
            (recorded,) = await anext(batches)
        assert (recorded.position, recorded.commit.job_id) == (4, job_id)
