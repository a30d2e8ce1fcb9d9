"""Variants of a request, and pauses of jobs and of the queue, in the web page."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from kinolog_client import KinologClient
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage, SlowJob, expect_accessible

pytestmark = NEEDS_BROWSER


MARKED = re.compile(r"\d+ jobs? selected")


def choose(page: Page, field: str, option: str) -> None:
    """Choose an option of a field."""
    page.get_by_role("combobox", name=field, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_variants_stand_beside_each_other(page: Page, gateway: KinologClient) -> None:
    """The form says their seeds and cost. The page of each has the pictures of all, and leads to their list."""
    page.goto("/generate")
    page.get_by_label("What happens in the video?").fill("a red twin")
    choose(page, "Model", "card")
    choose(page, "Variants", "3 variants")
    expect(page.get_by_text("The first draws a seed, each further one has the next.")).to_be_visible()
    page.get_by_role("button", name="More settings").click()
    page.get_by_label("Seed", exact=True).fill("41")
    expect(page.get_by_text("Seeds 41 to 43.")).to_be_visible()
    expect(page.get_by_text("(3 × ")).to_be_visible()
    page.get_by_role("button", name="Make 3 videos").click()
    page.wait_for_url("**/jobs/*")
    first = page.url.rsplit("/", 1)[1]
    group = page.get_by_role("region", name="Variants of one request")
    for number in (1, 2, 3):
        variant = group.get_by_role("link", name=f"Variant {number}")
        expect(variant).to_contain_text(f"Seed {40 + number}")
        expect(variant.get_by_role("img", name=f"A frame of: Variant {number}")).to_be_visible()
    expect(group.locator("[aria-current=page]")).to_contain_text("Variant 1")
    expect_accessible(page)
    group.get_by_role("link", name="Variant 3").click()
    expect(group.locator("[aria-current=page]")).to_contain_text("Variant 3")
    assert gateway.status(page.url.rsplit("/", 1)[1]).variant_of == first
    group.get_by_role("link", name="As a list").click()
    expect(page.locator("tbody a")).to_have_count(3)
    page.get_by_label(f"Variants of job {first[:8]}").or_(
        page.get_by_text(f"Variants of job {first[:8]}")
    ).wait_for()


def test_jobs_are_paused_and_resumed(page: Page, slow_job: SlowJob, gateway: KinologClient) -> None:
    """One by its page, and several by their list, each as it is. Only what fits can be chosen."""
    slow_job("a busy worker", priority="critical")
    jobs = [gateway.generate(f"a patient carriage {number}", model="card").job_id for number in range(2)]
    page.goto(f"/jobs/{jobs[0]}")
    expect(page.get_by_text("The job waits in the queue")).to_be_visible()
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("The job is paused since")).to_be_visible()
    assert gateway.status(jobs[0]).paused_at is not None
    page.goto("/jobs?text=patient carriage")
    rows = [page.get_by_role("row", name=job[:8]) for job in jobs]
    expect(rows[0]).to_contain_text("paused")
    expect(rows[1]).to_contain_text("queued")
    page.get_by_label("Select all jobs of this page").check()
    page.get_by_role("button", name="Pause", exact=True).click()  # that which is not paused
    expect(rows[1]).to_contain_text("paused")
    expect(page.get_by_text(MARKED)).to_have_count(0)  # the action has ended
    page.get_by_label("Select all jobs of this page").check()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Resume", exact=True).click()
    for row in rows:
        expect(row).to_contain_text("queued")
    gateway.bulk("cancel", jobs)


@pytest.fixture
def started_queue(gateway: KinologClient) -> Iterator[None]:
    """Let the queue go on after a test, whatever came of it."""
    yield
    gateway.resume_queue()


def test_an_operator_pauses_the_queue(page: Page, gateway: KinologClient, started_queue: None) -> None:
    """Every page says what is paused, since when and why, until it is resumed there."""
    page.goto("/")
    page.get_by_role("button", name="Pause the queue").click()
    page.emulate_media(reduced_motion="reduce")
    expect_accessible(page)
    choose(page, "What", "low")
    page.get_by_label("Reason").fill("a new GPU")
    page.get_by_role("button", name="Pause", exact=True).click()
    banner = page.get_by_role("alert").filter(has_text="The queue is paused for priority low.")
    expect(banner).to_contain_text("Reason: a new GPU")
    assert [(each.priority, each.reason) for each in gateway.queue_pauses().pauses] == [("low", "a new GPU")]
    page.get_by_role("navigation").get_by_role("link", name="Jobs").click()
    expect_accessible(page)
    banner.get_by_role("button", name="Resume").click()
    expect(banner).to_have_count(0)
    assert gateway.queue_pauses().pauses == ()


def test_a_mistyped_address_leads_back(open_page: OpenPage) -> None:
    """The page says that there is none, with the status of that."""
    page = open_page(may_lose_requests=True)
    answer = page.goto("/jbos/today")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    expect_accessible(page)
    page.get_by_role("link", name="To the dashboard").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
