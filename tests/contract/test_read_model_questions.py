"""Conformance of the read models: questions about commits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from kinolog.event_query.facts import commit_facts
from kinolog.event_query.grammar import parse_query
from kinolog.job.commands import Cancel, CommandOrigin, Erase, Pause, Reprioritize, Resume
from kinolog.job.commit import RecordedCommit
from kinolog.job.values import Priority, Status
from kinolog.ports.archive import ArchivedCommit
from kinolog.ports.search.event_search import EventSearch
from kinolog.privacy.origin_address import ADDRESS_INDEX, OriginAddress, address_hash, seal_address
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.readmodel.commit_index import commit_search
from tests.adapters.memory import job_places
from tests.builders.memory_jobs import RUNTIME, START
from tests.contract.read_models import (
    GrowingCase,
    Kind,
    KnownLog,
    ReadModelCase,
    fill_database,
    growing_read_model,
    make_log,
    read_model_of,
)
from tests.fixtures.servers import NewDatabase

QUESTIONS = (
    "",
    "event=cancelled",
    "event=completed,failed",
    "event!=stage_started,stage_finished command!=submit",
    "actor=worker-1 outcome=completed",
    "revision=r1",
    "model=kinolog-tiny command=submit",
    "model=no-such-model",
    "worker=worker-1,worker-2",
    "error!=NO_SUCH_ERROR event=attempt_failed",
    "since=2026-03-01T12:10 until=2026-03-01T12:20",
    "until=2026-03-01T12:01 event=submitted",
    "since=2027-01-01",
    "position>=100 position<=130",
    "position>=5 since=2026-03-01T12:05 event!=submitted",
    "position=3",
)


@pytest.fixture(scope="module")
def log() -> KnownLog:
    """The log of this module's read models."""
    return make_log()


@pytest.fixture(scope="module")
def filled_url(log: KnownLog, new_migrated_database: NewDatabase) -> Iterator[str]:
    """URL of a database with the read models of the log."""
    with new_migrated_database() as url:
        asyncio.run(fill_database(url, log))
        yield url


@pytest.fixture(params=["memory", "postgres", "postgres, none is near"])
async def case(
    request: pytest.FixtureRequest, log: KnownLog, filled_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[ReadModelCase]:
    """Each read model of the log; one looks through the first commits alone before it uses an index."""
    if "none" in request.param:
        monkeypatch.setattr(commit_search, "NEAR_COMMITS", 1)
        commit_search._page.cache_clear()
    kind: Kind = "memory" if request.param == "memory" else "postgres"
    async with read_model_of(log, kind, filled_url) as made:
        yield made
    commit_search._page.cache_clear()


def expected(log: KnownLog, text: str, tenant: str = "default") -> list[RecordedCommit]:
    """Return the commits that a question asks for, found by comparing all."""
    query = parse_query(text, START)
    return [
        one
        for one in log.of_tenant(tenant)
        if query.matches(set(commit_facts(one.commit, one.commit.state.spec)), one.commit.at, one.position)
    ]


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("text", QUESTIONS)
async def test_pages_hold_every_commit_once(case: ReadModelCase, text: str, oldest_first: bool) -> None:
    """Page by page, a question finds what comparing all commits finds, in the order of the log or the reverse one."""
    wanted = expected(case.log, text)
    assert wanted or "no-such" in text or "2027" in text
    limit = max(7, len(wanted) // 3)
    found: list[ArchivedCommit] = []
    beyond: int | None = None
    while True:
        search = EventSearch(
            query=parse_query(text, START), limit=limit, oldest_first=oldest_first, beyond=beyond
        )
        page = await case.model.search_events("default", search)
        found += page.commits
        assert page.position == case.log.position
        if not page.next_position:
            break
        assert len(page.commits) == limit
        beyond = page.next_position
    ordered = wanted if oldest_first else wanted[::-1]
    assert [(one.position, one.raw, one.job_id) for one in found] == [
        (one.position, one.raw, one.commit.job_id) for one in ordered
    ]


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_large_commits_make_short_pages(case: ReadModelCase, oldest_first: bool) -> None:
    """A page ends before its commits have too many bytes, has at least one, and the next page goes on after it."""
    text = "event=submitted position<=80"
    wanted = expected(case.log, text)
    sizes = sorted(len(one.raw) for one in wanted)
    for max_bytes in (1, 3 * sizes[-1]):
        found: list[ArchivedCommit] = []
        search = EventSearch(
            query=parse_query(text, START),
            limit=1_000,
            max_bytes=max_bytes,
            oldest_first=oldest_first,
        )
        for _ in wanted:
            page = await case.model.search_events("default", search)
            assert len(page.commits) == 1 or sum(len(one.raw) for one in page.commits) <= max_bytes
            assert len(page.commits) == 1 or max_bytes > 1
            found += page.commits
            if not page.next_position:
                break
            assert len(page.commits) >= (1 if max_bytes == 1 else 3)
            search = replace(search, beyond=page.next_position)
        positions = [one.position for one in wanted]
        assert [one.position for one in found] == (positions if oldest_first else positions[::-1])


async def test_tenants_have_their_own_commits(case: ReadModelCase) -> None:
    """A question about a tenant finds none of another's, and none of a tenant that has none."""
    theirs = [one.position for one in expected(case.log, "event=submitted", "other")]
    assert theirs
    search = EventSearch(query=parse_query("event=submitted", START), limit=1_000, oldest_first=True)
    found = await case.model.search_events("other", search)
    assert [one.position for one in found.commits] == theirs
    assert not (await case.model.search_events("nobody", search)).commits
    assert await case.model.count_commands("nobody", search) == ()


@pytest.mark.parametrize("text", ["", "event!=submitted", "since=2027-01-01"])
async def test_counts_say_who_did_what(case: ReadModelCase, text: str) -> None:
    """Each actor and command has the number of its commits, with the first and the last."""
    search = EventSearch(query=parse_query(text, START), limit=1_000)
    rows = await case.model.count_commands("default", search)
    commits = expected(case.log, text)
    assert sum(row.commits for row in rows) == len(commits)
    for row in rows:
        own = [
            one
            for one in commits
            if (one.commit.command.actor, one.commit.command.name) == (row.actor, row.command)
        ]
        times = [one.commit.at for one in own]
        assert (row.commits, row.first_at, row.last_at) == (len(own), min(times), max(times))
        assert (row.first_position, row.last_position) == (own[0].position, own[-1].position)
    assert list(rows) == sorted(rows, key=lambda row: (-row.commits, row.actor, row.command))
    assert len(await case.model.count_commands("default", EventSearch(query=search.query, limit=1))) <= 1


@pytest.fixture(params=["memory", "postgres"])
async def growing(request: pytest.FixtureRequest, migrated_database_url: str) -> AsyncIterator[GrowingCase]:
    """Each read model of an empty log."""
    async with growing_read_model(request.param, migrated_database_url) as made:
        yield made


async def _origin(growing: GrowingCase, job_id: str, address: str) -> CommandOrigin:
    key = await growing.jobs.keys.get(job_id)
    sealed = seal_address(OriginAddress(address, "127.0.0.1"), Sealer(job_id, key))
    return CommandOrigin(api_key_id="key1", client="curl/8.5.0", sealed_address=sealed)


async def _found(growing: GrowingCase, text: str) -> list[int]:
    await growing.project()
    query = parse_query(text, growing.jobs.now)
    secret = await growing.jobs.keys.get(ADDRESS_INDEX)
    assert secret is not None
    hashes = {address: address_hash(secret, "default", address) for address in query.addresses}
    search = EventSearch(query=query, address_hashes=hashes, oldest_first=True)
    return [one.position for one in (await growing.model.search_events("default", search)).commits]


async def test_origins_are_found_until_the_job_is_erased(growing: GrowingCase) -> None:
    """Key, program and address find a commit. An erasure takes the address, also from commits projected before."""
    jobs = growing.jobs
    await jobs.keys.create({ADDRESS_INDEX: new_key()})
    first, second = await jobs.submit(), await jobs.submit()
    await growing.project()
    await jobs.send(first, Cancel(id="c1", actor="ann", origin=await _origin(growing, first, "192.0.2.7")))
    await jobs.send(second, Cancel(id="c2", actor="ann", origin=await _origin(growing, second, "192.0.2.8")))
    for text in ("key=key1", "client=curl", "client=curl/8.5.0", "address=192.0.2.7,192.0.2.8"):
        assert await _found(growing, text) == [3, 4], text
    assert await _found(growing, "address=192.0.2.7") == [3]
    assert await _found(growing, "address!=192.0.2.7") == [1, 2, 4]
    await jobs.send(first, Erase(id="e", actor="ann"))
    assert await _found(growing, "address=192.0.2.7") == []
    every = await growing.model.search_events("default", EventSearch(query=parse_query("", jobs.now)))
    assert every.with_address == {4}
    await jobs.keys.erase(first)
    assert await _found(growing, "address=192.0.2.7") == []
    assert await _found(growing, "key=key1") == [3, 4]
    assert await _found(growing, "address!=192.0.2.8") == [1, 2, 3, 5]


async def test_clocks_that_differ_hide_no_commit(growing: GrowingCase) -> None:
    """A commit whose clock was hours ahead or behind is found by its own time."""
    jobs = growing.jobs
    await jobs.keys.create({ADDRESS_INDEX: new_key()})
    await jobs.submit()
    jobs.now += timedelta(hours=5)
    await jobs.submit()
    jobs.now -= timedelta(hours=5)
    await jobs.submit()
    early = f"until={(START + timedelta(hours=1)).isoformat()}"
    late = f"since={(START + timedelta(hours=1)).isoformat()}"
    assert await _found(growing, early) == [1, 3]
    assert await _found(growing, late) == [2]


@pytest.mark.parametrize("status", [Status.QUEUED, Status.PROCESSING])
async def test_jobs_are_where_they_were(case: ReadModelCase, status: Status) -> None:
    """At every position, each read model has the jobs that folding the log up to there gives, in their order."""
    commits = case.log.of_tenant()
    for position in (1, *range(7, case.log.position, 29), case.log.position):
        expected_spells = job_places.spells_at(commits, position, status, 1_000)
        assert await case.model.spells_at("default", position, status, 1_000) == expected_spells, position
    assert expected_spells.total
    part = await case.model.spells_at("default", case.log.position, status, 3)
    assert (part.spells, part.total) == (expected_spells.spells[:3], expected_spells.total)
    assert not (await case.model.spells_at("nobody", case.log.position, status, 3)).total


async def test_a_time_is_after_the_last_commit_until_then(case: ReadModelCase) -> None:
    """A time stands for the tenant's last commit that was decided by it."""
    commits = case.log.of_tenant()
    assert await case.model.position_at("default", START - timedelta(days=1)) == 0
    for recorded in commits[::17]:
        last = max(one.position for one in commits if one.commit.at <= recorded.commit.at)
        assert await case.model.position_at("default", recorded.commit.at) == last
    assert await case.model.position_at("default", START + timedelta(days=900)) == commits[-1].position


async def test_places_change_with_pauses_and_priorities(growing: GrowingCase) -> None:
    """A pause, a priority and a start move a job; what was before stays as it was, however commits were batched."""
    jobs = growing.jobs
    first, second = await jobs.submit(), await jobs.submit()
    await growing.project()
    await jobs.send(first, Pause(id="p", actor="ann"))
    await jobs.send(second, Reprioritize(id="r", actor="ann", priority=Priority.CRITICAL))
    await growing.project()
    await jobs.send(first, Resume(id="u", actor="ann"))
    await jobs.start(first, "worker-1", RUNTIME)
    await jobs.cancel(second)
    await growing.project()
    places = []
    for position in range(1, 8):
        queued = await growing.model.spells_at("default", position, Status.QUEUED, 10)
        running = await growing.model.spells_at("default", position, Status.PROCESSING, 10)
        places.append(
            (
                [
                    (one.job_id == first, one.paused, one.priority.value, one.first_position)
                    for one in queued.spells
                ],
                [(one.worker, one.attempt, one.first_position) for one in running.spells],
            )
        )
    medium, critical = Priority.MEDIUM.value, Priority.CRITICAL.value
    assert places == [
        ([(True, False, medium, 1)], []),
        ([(True, False, medium, 1), (False, False, medium, 2)], []),
        ([(False, False, medium, 2), (True, True, medium, 3)], []),
        ([(False, False, critical, 4), (True, True, medium, 3)], []),
        ([(False, False, critical, 4), (True, False, medium, 5)], []),
        ([(False, False, critical, 4)], [("worker-1", 1, 6)]),
        ([], [("worker-1", 1, 6)]),
    ]


async def test_a_job_that_runs_keeps_its_worker(growing: GrowingCase) -> None:
    """A pause or a priority of a running job is a new stay on the same worker, however commits were batched."""
    jobs = growing.jobs
    job_id = await jobs.submit()
    await jobs.start(job_id, "worker-1", RUNTIME)
    await growing.project()
    await jobs.send(job_id, Reprioritize(id="r", actor="ann", priority=Priority.HIGH))
    await growing.project()
    await jobs.send(job_id, Pause(id="p", actor="ann"))
    await growing.project()
    workers = []
    for position in (2, 3, 4):
        (spell,) = (await growing.model.spells_at("default", position, Status.PROCESSING, 10)).spells
        workers.append((spell.worker, spell.attempt, spell.priority, spell.paused))
    assert workers == [
        ("worker-1", 1, Priority.MEDIUM, False),
        ("worker-1", 1, Priority.HIGH, False),
        ("worker-1", 1, Priority.HIGH, True),
    ]


@pytest.mark.parametrize(
    ("since", "until"),
    [(None, None), (timedelta(hours=1), None), (None, timedelta(hours=2)), (timedelta(days=9_000), None)],
)
async def test_a_span_of_time_has_all_its_commits(
    case: ReadModelCase, since: timedelta | None, until: timedelta | None
) -> None:
    """No commit of any tenant is outside of the positions of its time; there are none of a time without commits."""
    begin, end = (None if one is None else START + one for one in (since, until))
    found = await case.model.positions_between(begin, end)
    assert found.searched == case.log.position
    wanted = [
        one.position
        for one in case.log.commits
        if (begin is None or one.commit.at >= begin) and (end is None or one.commit.at < end)
    ]
    assert all(found.first <= position <= found.last for position in wanted)
    assert found.last <= found.searched
    assert wanted or found.first > found.last
