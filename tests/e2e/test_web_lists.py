"""The list of the web page over many jobs: filters, orders and pages show what the server says and the database counts.

`make test` walks through 100,000 jobs, and `make drills` through a million: `pytest -s -m drill
tests/e2e/test_web_lists.py` does this alone and prints how long each step takes. A thousand jobs are made by the
projector, and the others are copies that Postgres makes of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter

import psycopg
import pytest
import uvloop
from kinolog_projector.schema.migrate import migrate_permanent_schema
from playwright.sync_api import Page, expect
from psycopg import sql

from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.subjects import Service
from kinolog_client import JobInfo, JobSelection, KinologClient, TimeSpan
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.servers.postgres_server import PostgresServer
from kinolog_stack.stack import Stack
from tests.bench.database_copies import LISTED_PARTS
from tests.bench.seed import OLDEST, PACE, seed
from tests.bench.site import postgres_of
from tests.fixtures.log import connected
from tests.fixtures.programs import started
from tests.fixtures.servers import temporary_folder
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage
from tests.fixtures.web_servers import api_beside, gateway_before

pytestmark = [*NEEDS_BROWSER, pytest.mark.timeout(1_800)]
JOBS, DRILL_JOBS = 100_000, 1_000_000
GENERATED_JOBS = 1_000
"""The others are copies of these."""
PAGE = 25
NUMBER = "SELECT count(*) FROM projection.jobs AS job JOIN projection.prompts AS text USING (number) WHERE {}"
IDS = "SELECT id FROM projection.jobs WHERE {} ORDER BY {}"


@dataclass(frozen=True, slots=True)
class SeededLists:
    """A gateway before a database with many jobs."""

    url: str
    jobs: int
    database: psycopg.Connection

    def count(self, condition: str = "true") -> int:
        """Count jobs in the database."""
        row = self.database.execute(sql.SQL(NUMBER).format(sql.SQL(condition))).fetchone()
        assert row is not None
        return int(row[0])

    def ids(self, condition: str, order: str) -> list[str]:
        """Read the ids of jobs from the database."""
        query = sql.SQL(IDS).format(sql.SQL(condition), sql.SQL(order))
        return [row[0] for row in self.database.execute(query)]


@pytest.fixture(scope="module", params=[JOBS, pytest.param(DRILL_JOBS, marks=pytest.mark.drill)])
def lists(
    request: pytest.FixtureRequest, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SeededLists]:
    """A gateway over a database with many jobs, which are in no log."""
    jobs: int = request.param
    with ExitStack() as opened, ThreadPoolExecutor(1) as aside:  # Playwright has the loop of this thread
        server = postgres_of(stack)
        if jobs > JOBS:
            folder = opened.enter_context(temporary_folder())
            server = opened.enter_context(started(PostgresServer(folder / "postgres", fsync=False)))
        name = f"seeded_{jobs}"
        with step("the jobs are made"):
            server.create_database(name)
            migrate_permanent_schema(server.url(name))
            making = seed(server.url(name), jobs, most_generated=GENERATED_JOBS, parts=LISTED_PARTS)
            aside.submit(uvloop.run, making).result()
        log = opened.enter_context(started(NatsServer(tmp_path_factory.mktemp("nats"))))
        aside.submit(uvloop.run, _make_streams(log)).result()
        own = log.settings_env(Service.API) | {"KINOLOG_DATABASE_URL": server.url(name)}
        api = opened.enter_context(api_beside(stack, own))
        database = opened.enter_context(psycopg.connect(server.url(name), autocommit=True))
        yield SeededLists(opened.enter_context(gateway_before(api.address)).url, jobs, database)


async def _make_streams(server: NatsServer) -> None:
    async with connected(server, Service.ADMIN) as client:
        await provision(client, replicas=1)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print how long a step took: `pytest -s` shows it."""
    started = perf_counter()
    yield
    sys.stdout.write(f"{name}: {(perf_counter() - started) * 1000:.0f} ms\n")


def expect_jobs(page: Page, jobs: tuple[JobInfo, ...], total: int | None = None) -> None:
    """Wait until the list shows these jobs and no other, and so many in all."""
    expect(page.locator("tbody a")).to_have_text([job.prompt or "" for job in jobs])
    if total is not None:
        expect(page.get_by_text(f"{total:,} jobs", exact=True)).to_be_visible()


def shown_ids(page: Page) -> list[str]:
    """Return the ids of the jobs on a page of the list."""
    links = page.locator("tbody a").evaluate_all("links => links.map((link) => link.pathname)")
    return [link.removeprefix("/jobs/") for link in links]


def test_orders(open_page: OpenPage, lists: SeededLists) -> None:
    """Each column sorts both ways."""
    page = open_page(lists.url)
    with KinologClient(lists.url) as client:
        with step("the list is opened"):
            page.goto("/jobs")
            expect_jobs(page, client.jobs(limit=PAGE).jobs, lists.jobs)
        assert lists.count() == lists.jobs
        for column, field in (
            ("Priority", "priority"),
            ("Rendered for", "duration"),
            ("Progress", "progress"),
            ("Submitted", "created_at"),
        ):
            for order in ("desc", "asc"):
                expected = client.jobs(sort=field, order=order, limit=PAGE).jobs
                with step(f"sorted by {field}, {order}"):
                    page.get_by_role("button", name=f"Sort by {column}").click()
                    expect_jobs(page, expected)


def test_pages(open_page: OpenPage, lists: SeededLists) -> None:
    """Pages lead on and back, to the end of the list and to its start, and so does the way back of the browser."""
    page = open_page(lists.url)
    number = lists.jobs // PAGE
    first_page, previous_page, next_page, last_page = (
        page.get_by_role("button", name=f"{which} page", exact=True)
        for which in ("First", "Previous", "Next", "Last")
    )
    with KinologClient(lists.url) as client:
        page.goto("/jobs")
        pages = [client.jobs(limit=PAGE)]
        expect_jobs(page, pages[0].jobs, lists.jobs)
        expect(previous_page).to_be_disabled()
        for nth in (2, 3):
            pages.append(client.jobs(limit=PAGE, cursor=pages[-1].next_cursor))
            with step(f"page {nth}"):
                next_page.click()
                expect_jobs(page, pages[-1].jobs, lists.jobs)
        with step("page 2 again"):
            previous_page.click()
            expect_jobs(page, pages[1].jobs)
        with step("the last page"):
            last_page.click()
            expect_jobs(page, client.jobs(limit=PAGE, offset=lists.jobs - PAGE).jobs, lists.jobs)
        expect(page.get_by_text(f"Page {number:,} of {number:,}")).to_be_visible()
        expect(next_page).to_be_disabled()
        oldest = lists.ids("true", f"created_at, number LIMIT {2 * PAGE}")[::-1]
        assert shown_ids(page) == oldest[PAGE:]
        with step("the page before the last one"):
            previous_page.click()
            expect_jobs(page, client.jobs(limit=PAGE, offset=lists.jobs - 2 * PAGE).jobs)
        assert shown_ids(page) == oldest[:PAGE]
        with step("the first page"):
            first_page.click()
            expect_jobs(page, pages[0].jobs)
        for _ in range(3):
            page.go_back()
        expect_jobs(page, pages[1].jobs)
        page.get_by_role("link", name="Settings").click()
        expect(page.get_by_role("heading", name="Settings")).to_be_visible()
        page.go_back()
        expect_jobs(page, pages[1].jobs)
        expect(page.get_by_text(f"Page 2 of {number:,}")).to_be_visible()
        page.reload()
        expect_jobs(page, pages[1].jobs)
        with step("pages of 50"):
            page.get_by_role("combobox", name="Per page").click()
            page.get_by_role("option", name="50").click()
            expect_jobs(page, client.jobs(limit=50).jobs)


def test_every_page_of_a_list(open_page: OpenPage, lists: SeededLists) -> None:
    """One who goes from the first page to the last one sees every job once, in order, and the same on the way back."""
    page = open_page(lists.url, timezone_id="UTC")
    rare = "status = 'failed' AND urgency = 3 AND model = 'wan-1.3b'"
    since = OLDEST + PACE * (lists.jobs - JOBS)
    expected = lists.ids(f"{rare} AND created_at >= '{since.isoformat()}'", "created_at DESC, number DESC")
    pages = [expected[start : start + PAGE] for start in range(0, len(expected), PAGE)]
    assert len(pages) > 1
    page.goto(
        "/jobs?status=failed&priority=critical&model=wan-1.3b&from="
        + since.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    )

    def expect_page(nth: int) -> None:
        expect(page.get_by_text(f"Page {nth + 1} of {len(pages)}")).to_be_visible()
        expect(page.locator("tbody a").first).to_have_attribute("href", f"/jobs/{pages[nth][0]}")
        assert shown_ids(page) == pages[nth]

    expect(page.get_by_text(f"{len(expected):,} jobs", exact=True)).to_be_visible()
    expect_page(0)
    for nth in range(1, len(pages)):
        page.get_by_role("button", name="Next page").click()
        expect_page(nth)
    expect(page.get_by_role("button", name="Next page")).to_be_disabled()
    for nth in reversed(range(len(pages) - 1)):
        page.get_by_role("button", name="Previous page").click()
        expect_page(nth)
    expect(page.get_by_role("button", name="Previous page")).to_be_disabled()


def test_filters(open_page: OpenPage, lists: SeededLists) -> None:
    """Chips, text and times narrow the list. The address of a list shows the same list to another person."""
    page = open_page(lists.url, timezone_id="UTC")
    since = OLDEST + timedelta(minutes=(PACE * lists.jobs / 2) // timedelta(minutes=1))
    failed = "job.status = 'failed'"
    chosen = f"{failed} AND job.urgency IN (1, 2)"
    modelled = f"{chosen} AND job.model = 'kinolog-tiny'"
    searched = f"{modelled} AND text.prompt ILIKE '%whale%'"
    spanned = f"{searched} AND job.created_at >= '{since.isoformat()}'"
    selection = JobSelection(
        statuses=("failed",),
        priorities=("medium", "high"),
        models=("kinolog-tiny",),
        text="whale",
        span=TimeSpan(start=since),
    )
    totals = [lists.count(condition) for condition in (spanned, searched, modelled, chosen, failed, "true")]
    assert totals == sorted(set(totals))

    def expect_total(page: Page, condition: str) -> None:
        expect(page.get_by_text(f"{lists.count(condition):,} jobs", exact=True)).to_be_visible()

    with KinologClient(lists.url) as client:
        page.goto("/jobs")
        with step("failed ones"):
            page.get_by_role("button", name="failed").click()
            expect_total(page, failed)
        page.get_by_role("button", name="Filters", exact=True).click()
        page.get_by_role("combobox", name="Priority").click()
        for priority in ("high", "medium"):
            page.get_by_role("option", name=priority).click()
        page.keyboard.press("Escape")
        expect_total(page, chosen)
        page.get_by_role("combobox", name="Model").click()
        page.get_by_role("option", name="kinolog-tiny").click()
        page.keyboard.press("Escape")
        expect_total(page, modelled)
        with step("a word of their prompts"):
            page.get_by_label("Search prompts and ids").fill("whale")
            expect_total(page, searched)
        with step("the later half"):
            page.get_by_label("From").fill(since.strftime("%Y-%m-%dT%H:%M"))
            expect_total(page, spanned)
        found = client.jobs(selection, limit=PAGE)
        expect_jobs(page, found.jobs, found.total)
        other = open_page(lists.url, timezone_id="UTC")
        with step("the same by its address"):
            other.goto(page.url)
            expect_jobs(other, found.jobs, found.total)
        expect(other.get_by_role("button", name="failed", pressed=True)).to_be_visible()
        expect(other.get_by_label("Search prompts and ids")).to_have_value("whale")
        with step("without filters"):
            page.get_by_label("Search prompts and ids").fill("no such word")
            expect(page.get_by_text("No job matches")).to_be_visible()
            page.get_by_role("button", name="Clear filters").last.click()  # the one in place of the list
            expect_jobs(page, client.jobs(limit=PAGE).jobs, lists.jobs)
            expect(page.get_by_label("Search prompts and ids")).to_have_value("")
