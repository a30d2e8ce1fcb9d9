"""Questions about 1,000,000 commits: the search of the read models, and the commits of its page.

The commits are those of jobs that the decider made, copied in the database: each round of copies is later than the one
before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import uvloop
from kinolog_projector.projection.batch import BatchPreparer
from kinolog_projector.projection.writer import BatchWriter
from kinolog_projector.schema.migrate import migrate_permanent_schema
from kinolog_projector.schema.projection_schema import analyze, create_indexes
from kinolog_projector.schema.revision import ensure_projection
from psycopg import sql

from kinolog.codec.commits import decode_commit
from kinolog.event_query.grammar import parse_query
from kinolog.job.commands import Cancel, CommandOrigin
from kinolog.job.values import Runtime, Status, UsedLora
from kinolog.ports.search.event_search import EventSearch
from kinolog.privacy.origin_address import ADDRESS_INDEX, OriginAddress, address_hash, seal_address
from kinolog.privacy.sealer import Sealer, new_key
from kinolog.readmodel.database import Connection, writer_connection
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.readmodel.tables import PROJECTION_SCHEMA
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.bench.calls import seconds_of
from tests.bench.figures import Aim, Figure, Result, percentile
from tests.builders.memory_jobs import START, MemoryJobs

COMMITS, QUICK_COMMITS = 1_000_000, 50_000
JOBS = 1_000
ROUND = timedelta(days=4)
CALLS, QUICK_CALLS = 40, 10
AIM_MS = 100.0
PAGE = 100
REVISION = "0fad780a534b6463522a4e1a7dd6a1ad5a1a9fe9"
LORA = UsedLora(name="ink", weight=1.0, sha256="5e1f" * 16, licence="MIT")
TENANT = "default"

QUESTIONS = {
    "all commits": "",
    "one actor in 700": "actor=alice",
    "one actor in 700, cancelled, a week": "actor=alice event=cancelled since={middle} until={later}",
    "an actor of long ago": "actor=zoe",
    "one key": "key=key1",
    "one address": "address=192.0.2.7",
    "one program": "client=curl",
    "one revision of a model": "revision=0fad780a534b",
    "one LoRA": "lora=ink",
    "a common event": "event=completed",
    "all but common events": "event!=stage_started,stage_finished command!=submit",
    "two common facts": "actor=worker-1 outcome=failed",
    "two facts that no commit has both": "actor=alice outcome=completed",
    "a common event long ago": "event=submitted until={early}",
    "a span of positions": "position>=400000 position<=400100",
    "one job": "job={job}",
}
COUNTS = {"who did what, a week": "since={middle} until={later}", "who did what, all commits": ""}


def measure(quick: bool) -> Result:
    """Measure each kind of question."""
    commits, calls = (QUICK_COMMITS, QUICK_CALLS) if quick else (COMMITS, CALLS)
    with TemporaryDirectory() as folder:
        server = PostgresServer(Path(folder) / "postgres", fsync=False)
        server.start()
        try:
            server.create_database("questions")
            figures, notes = uvloop.run(_measured(server.url("questions"), commits, calls))
        finally:
            server.stop()
    return Result("questions", "only reads", tuple(figures), tuple(notes))


async def _measured(url: str, commits: int, calls: int) -> tuple[list[Figure], list[str]]:
    migrate_permanent_schema(url)
    started = perf_counter()
    jobs = await _made_jobs()
    async with await writer_connection(url, "bench") as connection:
        made = await _fill(connection, jobs, commits)
    notes = [f"{made:,} commits in {perf_counter() - started:.0f} s: copies of those of {JOBS:,} jobs"]
    secret = await jobs.keys.get(ADDRESS_INDEX)
    if secret is None:
        raise RuntimeError("there is no secret")
    words = {
        "middle": (START + 40 * ROUND).isoformat(),
        "later": (START + 40 * ROUND + timedelta(days=7)).isoformat(),
        "early": (START + 10 * ROUND).isoformat(),
        "job": jobs.job_ids[500],
    }
    model = await PostgresReadModel.connect(url, 2)
    figures = []
    try:
        figures += await _figures(
            f"{made:,}: the queue and the fleet at a position", _placed(model, made // 2), calls
        )
        figures += await _figures(f"{made:,}: the position of a time", _timed(model, words["middle"]), calls)
        for name, question in (QUESTIONS | COUNTS).items():
            query = parse_query(question.format(**words), jobs.now)
            hashes = {address: address_hash(secret, TENANT, address) for address in query.addresses}
            search = EventSearch(query=query, address_hashes=hashes, limit=PAGE)
            call = _counted(model, search) if name in COUNTS else _found(model, search)
            figures += await _figures(f"{made:,}: {name}", call, calls)
    finally:
        await model.close()
    return figures, notes


def _found(model: PostgresReadModel, search: EventSearch) -> Callable[[], Awaitable[object]]:
    async def call() -> None:
        page = await model.search_events(TENANT, search)
        for one in page.commits:
            decode_commit(one.position, one.raw)

    return call


def _placed(model: PostgresReadModel, position: int) -> Callable[[], Awaitable[object]]:
    async def call() -> None:
        await model.spells_at(TENANT, position, Status.QUEUED, 10_000)
        await model.spells_at(TENANT, position, Status.PROCESSING, PAGE)

    return call


def _timed(model: PostgresReadModel, time: str) -> Callable[[], Awaitable[object]]:
    return lambda: model.position_at(TENANT, datetime.fromisoformat(time))


def _counted(model: PostgresReadModel, search: EventSearch) -> Callable[[], Awaitable[object]]:
    return lambda: model.count_commands(TENANT, search)


async def _figures(name: str, call: Callable[[], Awaitable[object]], calls: int) -> list[Figure]:
    seconds = [await seconds_of(call) for _ in range(calls + 2)][2:]
    aim = None if "all commits" in name and "who" in name else Aim("value", "below", AIM_MS)
    return [
        Figure(
            f"{name}, p{share * 100:.0f}",
            "ms",
            percentile(seconds, share) * 1e3,
            aim=aim if share == 0.5 else None,
        )
        for share in (0.5, 0.95)
    ]


async def _made_jobs() -> MemoryJobs:
    """Make jobs of every kind, among them what questions look for."""
    jobs = MemoryJobs()
    await jobs.keys.create({ADDRESS_INDEX: new_key()})
    await _cancelled(jobs, "zoe", "192.0.2.1", "key0", "wget/1.21")
    for number in range(JOBS):
        if number % 100 == 50:
            await _cancelled(jobs, "alice", "192.0.2.7", "key1", "curl/8.5.0")
            await jobs.start(await jobs.submit(), "worker-9", Runtime(model_revision=REVISION, loras=(LORA,)))
        await jobs.many(1)
    return jobs


async def _cancelled(jobs: MemoryJobs, actor: str, address: str, key_id: str, client: str) -> None:
    job_id = await jobs.submit()
    sealed = seal_address(OriginAddress(address, ""), Sealer(job_id, await jobs.keys.get(job_id)))
    origin = CommandOrigin(api_key_id=key_id, client=client, sealed_address=sealed)
    await jobs.send(job_id, Cancel(id=jobs.command_id(), actor=actor, origin=origin))


async def _fill(connection: Connection, jobs: MemoryJobs, commits: int) -> int:
    """Project the jobs and copy their commits until there are enough. Return how many there are.

    The first two commits, of an actor of long ago, are not copied.
    """
    await ensure_projection(connection)
    writer, preparer = BatchWriter(connection), BatchPreparer(jobs.store, jobs.keys)
    async for batch in jobs.store.read(0):
        await writer.apply(await preparer.prepare(batch[0].position - 1, batch))
    last = await jobs.store.last_position()
    rounds = commits // last
    for name in ("commits_by_facts", "commits_by_address", "job_spells_by_position"):
        await connection.execute(sql.SQL("DROP INDEX projection.{}").format(sql.Identifier(name)))
    copied = {"last": last, "rounds": rounds, "days": ROUND.days}
    await connection.execute(
        "INSERT INTO kinolog.archive SELECT position + nth * %(last)s, job_id, raw, digest"
        " FROM kinolog.archive, generate_series(1, %(rounds)s) AS nth WHERE position > 2",
        copied,
    )
    await connection.execute(
        "INSERT INTO projection.commit_index SELECT tenant, position + nth * %(last)s,"
        " at + nth * %(days)s * interval '1 d',"
        " actor, command, facts, address"
        " FROM projection.commit_index, generate_series(1, %(rounds)s) AS nth WHERE position > 2",
        copied,
    )
    await connection.execute("TRUNCATE projection.commit_times")
    await connection.execute(
        "INSERT INTO projection.commit_times SELECT position >> 10, min(at), max(at) FROM projection.commit_index"
        " GROUP BY 1"
    )
    await connection.execute(
        "INSERT INTO projection.job_spells SELECT number + nth * %(last)s, first_position + nth * %(last)s,"
        " coalesce(last_position, %(last)s + 1) + nth * %(last)s, tenant, job_id, status, model, model_class, urgency,"
        " queued_at + nth * %(days)s * interval '1 d', paused, attempt, worker, at + nth * %(days)s * interval '1 d'"
        " FROM projection.job_spells, generate_series(1, %(rounds)s) AS nth",
        copied,
    )
    await create_indexes(connection, PROJECTION_SCHEMA, ["commit_index", "job_spells"])
    await analyze(connection, PROJECTION_SCHEMA)
    await connection.execute("VACUUM (ANALYZE) kinolog.archive")
    cursor = await connection.execute("SELECT count(*) FROM kinolog.archive")
    row = await cursor.fetchone()
    return int(row[0]) if row else 0
