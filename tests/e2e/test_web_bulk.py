"""What the web page does with many jobs at once, and a job's history point by point."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from kinolog_client import KinologClient
from tests.fixtures.web_pages import NEEDS_BROWSER, SlowJob

pytestmark = NEEDS_BROWSER
MARKED = re.compile(r"\d+ jobs? selected")


def mark(page: Page, *jobs: str) -> None:
    """Mark these jobs of the list."""
    for job in jobs:
        page.get_by_label(f"Select job {job[:8]}").check()


def act(page: Page, action: str) -> None:
    """Choose an action for the marked jobs, and confirm it."""
    page.get_by_role("button", name=action, exact=True).click()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text(MARKED)).to_have_count(0)  # the page forgets the marks when the action has ended


def test_many_jobs_at_once(page: Page, slow_job: SlowJob, gateway: KinologClient) -> None:
    """Marked jobs get another priority, are cancelled, retried and erased. The page tells of each that fails.

    What is marked while an action runs stays marked.
    """
    running = slow_job("a bulky train", priority="critical")
    waiting = [gateway.generate(f"a bulky wagon {number}", model="card").job_id for number in range(3)]
    page.goto("/jobs?text=bulky")
    expect(page.get_by_role("row", name="a bulky train")).to_contain_text("processing")
    expect(page.locator("tbody a")).to_have_count(1 + len(waiting))
    page.get_by_label("Select all jobs of this page").check()
    expect(page.get_by_text("4 jobs selected")).to_be_visible()
    for action in ("Retry", "Erase"):
        expect(page.get_by_role("button", name=action)).to_be_disabled()
    page.get_by_label(f"Select job {running[:8]}").uncheck()
    page.get_by_role("button", name="Change priority").click()
    page.get_by_role("combobox", name="Priority").click()
    page.get_by_role("option", name="low").click()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("3 jobs: done")).to_be_visible()
    for job in waiting:
        expect(page.get_by_role("row", name=job[:8])).to_contain_text("low")
        assert gateway.status(job).priority == "low"

    mark(page, *waiting)
    page.get_by_role("button", name="Change priority").click()
    gateway.cancel(waiting[0])  # while the page asks
    gateway.cancel(waiting[1])
    page.get_by_role("button", name="Yes", exact=True).click()
    notice = page.get_by_role("status").get_by_role("alert").filter(has_text="1 of 3 done")
    for job in waiting[:2]:
        expect(notice.get_by_role("listitem").filter(has_text=job[:8])).to_contain_text("cancelled")
    assert gateway.status(waiting[2]).priority == "high"

    for job in waiting[:2]:
        expect(page.get_by_role("row", name=job[:8])).to_contain_text("cancelled")

    def mark_meanwhile(action: Route) -> None:
        mark(page, waiting[0])
        expect(page.get_by_text("2 jobs selected")).to_be_visible()
        action.continue_()

    mark(page, waiting[2])
    page.route("**/api/v1/bulk", mark_meanwhile, times=1)
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("1 job: done")).to_be_visible()
    expect(page.get_by_text("1 job selected")).to_be_visible()
    expect(page.get_by_label(f"Select job {waiting[0][:8]}")).to_be_checked()
    expect(page.get_by_role("row", name=waiting[2][:8])).to_contain_text("cancelled")
    mark(page, *waiting)
    act(page, "Retry")
    expect(page.get_by_text("3 jobs: done").last).to_be_visible()
    gateway.cancel(running)
    for job in waiting:
        expect(page.get_by_role("row", name=job[:8])).to_contain_text("completed")
    mark(page, *waiting)
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_text("Erase the prompts and the files of 3 jobs?")).to_be_visible()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("a bulky wagon")).to_have_count(0)
    assert all(gateway.status(job).erased for job in waiting)


def test_the_points_of_a_history(page: Page, slow_job: SlowJob, gateway: KinologClient) -> None:
    """At each point of the slider the page shows the job as the server says that it was then."""
    job = slow_job("a job with a past")
    page.goto(f"/jobs/{job}")
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    gateway.reprioritize(job, "critical")
    gateway.cancel(job)
    list(gateway.watch(job))
    page.get_by_role("tab", name="History").click()
    commits = gateway.history(job).commits
    slider = page.get_by_role("slider", name="Point in the history")
    expect(slider).to_have_value(str(len(commits) - 1))
    state = page.get_by_role("region", name="The job at this point")
    seen = []
    for number, commit in reversed(list(enumerate(commits))):
        then = gateway.history(job, as_of=commit.position).job
        assert then is not None
        expect(page.get_by_text(f"Commit {number + 1} of {len(commits)}")).to_be_visible()
        expect(state).to_contain_text(commit.hash)
        being = "being cancelled" if then.cancel_requested and not then.ended else then.status
        facts = {"Status": being, "Progress": f"{int(then.percent)}%", "Attempt": str(then.attempt)}
        facts |= {"Priority": then.priority, "Position": f"{commit.position:,}"}
        for name, value in facts.items():
            expect(
                state.locator("dt", has_text=name).locator("xpath=following-sibling::dd[1]")
            ).to_contain_text(value)
        seen.append((then.status, then.priority))
        slider.press("ArrowLeft")
    assert seen[0] == ("cancelled", "critical")
    assert seen[-1] == ("queued", "medium")
    page.get_by_role("button", name="priority changed").click()
    expect(state).to_contain_text("critical")
