"""When jobs of the web page's form start: at a time, or again and again by a schedule."""

from __future__ import annotations

from datetime import datetime, timedelta

from playwright.sync_api import Page, expect

from kinolog_client import KinologClient
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage

pytestmark = NEEDS_BROWSER
PROMPT = "a lighthouse at night"


def choose(page: Page, field: str, value: str) -> None:
    """Choose a value of a field."""
    page.get_by_role("combobox", name=field).click()
    page.get_by_role("option", name=value).click()


def test_a_job_waits_for_its_time(open_page: OpenPage, gateway: KinologClient) -> None:
    """A job starts not before the chosen time, in the zone of the browser. Its page says until when it waits."""
    page = open_page(timezone_id="Asia/Tokyo")
    page.goto("/generate")
    page.get_by_label("What happens in the video?").fill(PROMPT)
    choose(page, "Start", "At a time")
    page.get_by_label("Starts not before").fill("2020-01-01T10:00")
    expect(page.get_by_text("This time is over.")).to_be_visible()
    tomorrow = page.evaluate("new Date(Date.now() + 864e5).toLocaleString('sv', {timeZone: 'Asia/Tokyo'})")
    chosen = datetime.fromisoformat(tomorrow).replace(second=0)
    page.get_by_label("Starts not before").fill(chosen.isoformat(timespec="minutes"))
    page.get_by_label("Must start within (minutes)").fill("90")
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url("**/jobs/*")
    expect(page.get_by_text("The job waits until")).to_contain_text("It fails if it has not started by")
    job = gateway.status(page.url.rsplit("/", 1)[1])
    gateway.cancel(job.job_id)
    assert job.start_after is not None
    assert job.start_before is not None
    assert job.start_after.replace(tzinfo=None) == chosen - timedelta(hours=9)
    assert job.start_before - job.start_after == timedelta(minutes=90)


def test_a_schedule_is_made_paused_and_deleted(open_page: OpenPage, gateway: KinologClient) -> None:
    """The form makes a schedule in place of a job. Its page shows when it runs, pauses it, and deletes it."""
    page = open_page(may_lose_requests=True)
    page.goto("/schedules")
    page.get_by_role("link", name="New schedule").click()
    page.get_by_label("What happens in the video?").fill(PROMPT)
    choose(page, "How often", "Every week")
    choose(page, "On", "Friday")
    page.get_by_label("At", exact=True).fill("21:30")
    page.get_by_label("Name of the schedule").fill("nightly")
    page.get_by_label("Time zone").fill("Mars/Olympus")
    page.get_by_role("button", name="Create the schedule").click()
    expect(page.get_by_text("is no time zone", exact=False).first).to_be_visible()
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_role("button", name="Create the schedule").click()
    page.wait_for_url("**/schedules")
    card = page.get_by_role("region", name="nightly")
    expect(card).to_contain_text(PROMPT)
    expect(card).to_contain_text("Every Friday at 21:30 (Europe/Berlin)")
    (made,) = (each for each in gateway.schedules().schedules if each.name == "nightly")
    assert (made.cron, made.zone, made.job["prompt"]) == ("30 21 * * FRI", "Europe/Berlin", PROMPT)
    card.get_by_role("button", name="Pause").click()
    expect(card.get_by_text("paused", exact=True)).to_be_visible()
    card.get_by_role("button", name="Resume").click()
    expect(card.get_by_text("paused", exact=True)).to_have_count(0)
    card.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(card).to_have_count(0)
    assert made.schedule_id not in [each.schedule_id for each in gateway.schedules().schedules]
