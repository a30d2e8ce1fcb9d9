"""The list of the web page over many jobs: filters, orders and pages show what the server says.

`TESTS_ON_DISK=1 WEB_LIST_JOBS=1000000 pytest -s --timeout 0 tests/e2e/test_web_lists.py` does the same over a million
jobs and prints how long each step takes. It seeds the database in minutes. The temporary folder keeps it for later runs
and for the benchmarks; without TESTS_ON_DISK it is in the folder of the run, which ends with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from time import perf_counter

import pytest
import uvloop
from playwright.sync_api import Page, expect

from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.subjects import Service
from kinolog_client import JobInfo, JobSelection, KinologClient, TimeSpan
from kinolog_stack.servers.nats_server import NatsServer
from kinolog_stack.stack import Stack
from tests.bench.lists import seed_database, stored_postgres
from tests.bench.seed import OLDEST, PACE
from tests.bench.site import postgres_of
from tests.fixtures.log import connected
from tests.fixtures.programs import started
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage
from tests.fixtures.web_servers import api_beside, gateway_before

pytestmark = NEEDS_BROWSER
JOBS = int(os.environ.get("WEB_LIST_JOBS", "1000"))
STORED_JOBS = 100_000
"""A database with more jobs than these is stored in the temporary folder."""


@pytest.fixture(scope="module")
def lists(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a gateway over a database with many jobs, which are in no log."""
    with ExitStack() as opened, ThreadPoolExecutor(1) as aside:  # Playwright has the loop of this thread
        is_stored = JOBS > STORED_JOBS
        server = opened.enter_context(stored_postgres()) if is_stored else postgres_of(stack)
        smaller = ""
        for jobs in sorted({min(JOBS, STORED_JOBS), JOBS}):
            name = f"seeded_{jobs}"
            server.create_database(name, template=smaller or None, exist_ok=True)
            aside.submit(uvloop.run, seed_database(server.url(name), jobs)).result()
            smaller = name
        log = opened.enter_context(started(NatsServer(tmp_path_factory.mktemp("nats"))))
        aside.submit(uvloop.run, _make_streams(log)).result()
        own = log.settings_env(Service.API) | {"KINOLOG_DATABASE_URL": server.url(smaller)}
        api = opened.enter_context(api_beside(stack, own))
        yield opened.enter_context(gateway_before(api.address)).url


async def _make_streams(server: NatsServer) -> None:
    async with connected(server, Service.ADMIN) as client:
        await provision(client, replicas=1)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print how long a step took, if the list is a long one."""
    started = perf_counter()
    yield
    if JOBS > STORED_JOBS:
        sys.stdout.write(f"{name}: {(perf_counter() - started) * 1000:.0f} ms\n")


def expect_jobs(page: Page, jobs: tuple[JobInfo, ...], total: int | None = None) -> None:
    """Wait until the list shows these jobs and no other, and so many in all."""
    expect(page.locator("tbody a")).to_have_text([job.prompt or "" for job in jobs])
    if total is not None:
        expect(page.get_by_text(f"{total:,} jobs", exact=True)).to_be_visible()


def test_orders_and_pages(open_page: OpenPage, lists: str) -> None:
    """Each column sorts both ways. The browser's way back leads to the page of the list that one left."""
    page = open_page(lists)
    with KinologClient(lists) as client:
        newest = client.jobs(limit=25)
        with step("the list is opened"):
            page.goto("/jobs")
            expect_jobs(page, newest.jobs, JOBS)
        for column, field in (
            ("Priority", "priority"),
            ("Rendered for", "duration"),
            ("Progress", "progress"),
            ("Submitted", "created_at"),
        ):
            for order in ("desc", "asc"):
                expected = client.jobs(sort=field, order=order, limit=25).jobs
                with step(f"sorted by {field}, {order}"):
                    page.get_by_role("button", name=f"Sort by {column}").click()
                    expect_jobs(page, expected)
        pages = [client.jobs(order="asc", limit=25)]
        for number in (2, 3):
            pages.append(client.jobs(order="asc", limit=25, cursor=pages[-1].next_cursor))
            with step(f"page {number}"):
                page.get_by_role("button", name="Next page").click()
                expect_jobs(page, pages[-1].jobs, JOBS)
        with step("page 2 again"):
            page.get_by_role("button", name="Previous page").click()
            expect_jobs(page, pages[1].jobs)
        page.get_by_role("link", name="Settings").click()
        expect(page.get_by_role("heading", name="Settings")).to_be_visible()
        page.go_back()
        expect_jobs(page, pages[1].jobs)
        expect(page.get_by_text("Page 2")).to_be_visible()
        page.reload()
        expect_jobs(page, pages[1].jobs)
        with step("pages of 50"):
            page.get_by_role("combobox", name="Per page").click()
            page.get_by_role("option", name="50").click()
            expect_jobs(page, client.jobs(order="asc", limit=50).jobs)


def test_filters(open_page: OpenPage, lists: str) -> None:
    """Chips, text and times narrow the list. The address of a list shows the same list to another person."""
    page = open_page(lists, timezone_id="UTC")
    since = OLDEST + timedelta(minutes=(PACE * JOBS / 2) // timedelta(minutes=1))
    chosen = JobSelection(statuses=("failed",), priorities=("medium", "high"))
    searched = JobSelection(statuses=chosen.statuses, priorities=chosen.priorities, text="whale")
    spanned = JobSelection(
        statuses=chosen.statuses,
        priorities=chosen.priorities,
        text="whale",
        span=TimeSpan(start=since),
    )
    with KinologClient(lists) as client:
        page.goto("/jobs")
        failed = client.jobs(JobSelection(statuses=("failed",)), limit=25)
        with step("failed ones"):
            page.get_by_role("button", name="failed").click()
            expect_jobs(page, failed.jobs, failed.total)
        page.get_by_role("button", name="Filters", exact=True).click()
        page.get_by_role("combobox", name="Priority").click()
        for priority in ("high", "medium"):
            page.get_by_role("option", name=priority).click()
        page.keyboard.press("Escape")
        found = client.jobs(chosen, limit=25)
        expect_jobs(page, found.jobs, found.total)
        found = client.jobs(searched, limit=25)
        with step("a word of their prompts"):
            page.get_by_label("Search prompts and ids").fill("whale")
            expect_jobs(page, found.jobs, found.total)
        found = client.jobs(spanned, limit=25)
        with step("the later half"):
            page.get_by_label("From").fill(since.strftime("%Y-%m-%dT%H:%M"))
            expect_jobs(page, found.jobs, found.total)
        totals = [
            0,
            *(client.jobs(each).total or 0 for each in (spanned, searched, chosen)),
            failed.total or 0,
            JOBS,
        ]
        assert totals == sorted(set(totals))
        other = open_page(lists, timezone_id="UTC")
        with step("the same by its address"):
            other.goto(page.url)
            expect_jobs(other, found.jobs, found.total)
        expect(other.get_by_role("button", name="failed", pressed=True)).to_be_visible()
        expect(other.get_by_label("Search prompts and ids")).to_have_value("whale")
        with step("without filters"):
            page.get_by_label("Search prompts and ids").fill("no such word")
            expect(page.get_by_text("No job matches")).to_be_visible()
            page.get_by_role("button", name="Clear filters").last.click()  # the one in place of the list
            expect_jobs(page, client.jobs(limit=25).jobs, JOBS)
            expect(page.get_by_label("Search prompts and ids")).to_have_value("")
