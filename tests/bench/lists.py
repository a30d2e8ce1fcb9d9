"""Lists and summaries at 100,000 and 1,000,000 jobs, through the api; against reading a page by primary key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import gettempdir
from time import perf_counter

import psycopg
import uvloop
from kinolog_projector.schema.migrate import migrate_permanent_schema
from kinolog_projector.schema.revision import ensure_projection
from psycopg import sql

from kinolog.readmodel.database import writer_connection
from kinolog.readmodel.tables import PROJECTION_VERSION
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from kinolog_stack.servers.postgres_server import PostgresServer
from tests.bench import site
from tests.bench.calls import JobService, job_service, seconds_of
from tests.bench.figures import Aim, Figure, Result, percentile
from tests.bench.seed import GENERATED_JOBS, OLDEST, PACE, grow_to, seed

SIZES, QUICK_SIZES = (100_000, 1_000_000), (10_000,)
CALLS, QUICK_CALLS = 300, 40
PAGE = 20
AIM_MS = 10.0

Call = Callable[[], Awaitable[object]]


def measure(quick: bool) -> Result:
    """Measure the pages of lists and the summaries that clients request."""
    figures: list[Figure] = []
    notes = ["the floor: one statement that reads a page of jobs by primary key, from this process"]
    with site.running(set()) as stack, stored_postgres() as server:
        smaller = ""
        for jobs in QUICK_SIZES if quick else SIZES:
            name = f"seeded_{jobs}"
            server.create_database(name, template=smaller or None, exist_ok=True)
            started = perf_counter()
            if uvloop.run(seed_database(server.url(name), jobs)):
                how = "by copies of those" if smaller else "by the projector's rebuild"
                notes.append(f"{jobs:,} jobs: seeded {how} in {perf_counter() - started:.0f} s, with indexes")
            smaller = name
            with site.api_on(stack, server.url(name)) as target:
                calls = QUICK_CALLS if quick else CALLS
                figures += uvloop.run(_figures(target, server.url(name), jobs, calls))
    return Result("lists", "only reads", tuple(figures), tuple(notes))


@contextmanager
def stored_postgres() -> Iterator[PostgresServer]:
    """Run a Postgres whose seeded databases stay for later runs, as long as the tables stay the same."""
    folder = Path(gettempdir()) / f"kinolog-bench-{PROJECTION_VERSION}"
    server = PostgresServer(folder / "postgres", fsync=False)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def seed_database(url: str, jobs: int) -> bool:
    """Fill the database with `jobs` jobs; one that is a copy of a smaller one grows. Return False if it is full."""
    migrate_permanent_schema(url)
    async with await writer_connection(url, "bench") as connection:
        await ensure_projection(connection)
        cursor = await connection.execute("SELECT position FROM projection.checkpoint")
        position = await cursor.fetchone()
        if position == (jobs,):
            return False
        if position != (GENERATED_JOBS,):
            await connection.execute("UPDATE kinolog.log_checkpoint SET position = 0, digest = ''")
    if position == (GENERATED_JOBS,):
        await grow_to(url, jobs)
    else:
        await seed(url, jobs)
    return True


async def _figures(target: str, url: str, jobs: int, calls: int) -> list[Figure]:
    figures = []
    async with (
        job_service(target) as api,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as bare,
    ):
        ids = await _some_ids(bare)
        floor_statement = sql.SQL("SELECT * FROM projection.jobs WHERE id = ANY(%s)")
        random = Random(jobs)

        async def floor() -> None:
            cursor = await bare.execute(floor_statement, [random.sample(ids, PAGE)], prepare=True)
            await cursor.fetchall()

        for name, call in _named_calls(api, random, jobs):
            ours, bares = [], []
            for number in range(calls + 10):
                floor_seconds, our_seconds = await seconds_of(floor), await seconds_of(call)
                if number >= 10:
                    bares.append(floor_seconds * 1e3)
                    ours.append(our_seconds * 1e3)
            figures += [
                _figure(f"{jobs:,}: {name}", share, ours, bares, last=share == 0.99 and jobs == SIZES[-1])
                for share in (0.5, 0.99)
            ]
    return figures


def _figure(name: str, share: float, ours: Sequence[float], bares: Sequence[float], *, last: bool) -> Figure:
    value, floor = percentile(ours, share), percentile(bares, share)
    aim = Aim("value", "below", AIM_MS) if last else None
    return Figure(f"{name}, p{share * 100:.0f}", "ms", value, floor, value / floor, aim)


async def _some_ids(bare: psycopg.AsyncConnection[tuple[str]]) -> list[str]:
    cursor = await bare.execute("SELECT id FROM projection.jobs TABLESAMPLE SYSTEM (1) LIMIT 2000")
    return [row[0] for row in await cursor.fetchall()]


def _named_calls(api: JobService, random: Random, jobs: int) -> list[tuple[str, Call]]:
    """Return the measured calls by name; deep pages are at random depths."""

    def listing(make: Callable[[], pb.ListJobsRequest]) -> Call:
        async def call() -> None:
            page = await api.ListJobs(make())
            if not page.jobs:
                raise RuntimeError("a page was empty")

        return call

    def counting(request: pb.SummarizeJobsRequest) -> Call:
        return lambda: api.SummarizeJobs(request)

    def deep(share: float = 1.0) -> int:
        """Return an offset in the second half of a list that holds this share of all jobs."""
        return random.randrange(int(jobs * share * 0.5), int(jobs * share * 0.95))

    many = job_pb2.JobFilter(statuses=[job_pb2.STATUS_COMPLETED])
    few = job_pb2.JobFilter(statuses=[job_pb2.STATUS_FAILED], priorities=[job_pb2.PRIORITY_HIGH])
    cursors = _Cursors(api, deep)
    page = partial(pb.ListJobsRequest, page_size=PAGE)
    return [
        ("first page", listing(page)),
        ("deep page by offset", listing(lambda: page(offset=deep()))),
        ("deep page by offset, by duration", listing(lambda: page(offset=deep(), order_by="duration desc"))),
        ("after a deep cursor", cursors.read_page),
        ("status filter, deep page", listing(lambda: page(filter=many, offset=deep(0.9)))),
        (
            "status and priority filter, by update",
            listing(lambda: page(filter=few, order_by="updated_at desc")),
        ),
        ("one day of one style", listing(lambda: page(filter=_a_day(random, jobs)))),
        ("word in the prompt", listing(lambda: page(filter=job_pb2.JobFilter(text="lighthouse")))),
        ("SummarizeJobs", counting(pb.SummarizeJobsRequest())),
        ("SummarizeJobs, status and priority filter", counting(pb.SummarizeJobsRequest(filter=few))),
    ]


class _Cursors:
    """Reads pages by cursor, starting deep in the list."""

    def __init__(self, api: JobService, deep: Callable[[], int]) -> None:
        self._api = api
        self._deep = deep
        self._token = ""

    async def read_page(self) -> None:
        """Read the page after the last one; at the end of the list, start at a new depth."""
        if not self._token:
            page = await self._api.ListJobs(pb.ListJobsRequest(page_size=PAGE, offset=self._deep()))
        else:
            page = await self._api.ListJobs(pb.ListJobsRequest(page_size=PAGE, page_token=self._token))
        self._token = page.next_page_token


def _a_day(random: Random, jobs: int) -> job_pb2.JobFilter:
    day = timedelta(days=1)
    start = OLDEST + random.random() * max(timedelta(), jobs * PACE - day)
    day_filter = job_pb2.JobFilter(styles=["noir"])
    day_filter.created_from.FromDatetime(start)
    day_filter.created_before.FromDatetime(start + day)
    return day_filter
