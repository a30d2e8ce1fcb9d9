"""The web page while jobs run: pictures so far, cancel, two tabs."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from kinolog_client import KinologClient
from tests.fixtures.waits import wait_until
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage, SlowJob, expect_live

pytestmark = NEEDS_BROWSER
TABS = """
    window.shown = [];
    Object.defineProperty(document, "hidden", { get: () => window.isHidden ?? false });
    window.hide = (isHidden) => {
      window.isHidden = isHidden;
      document.dispatchEvent(new Event("visibilitychange"));
    };
    window.Notification = class {
      static permission = "granted";
      static requestPermission = async () => "granted";
      constructor(title, { tag }) { window.shown.push(tag); }
    };
"""
"""Lets a test hide a tab, and records the tags of its notifications in `shown`."""
STEP = re.compile(r"step (\d+) of 900")


def step_of(steps: Locator) -> int:
    """Return which step of its scene a job is at."""
    found = STEP.search(steps.inner_text())
    return int(found[1]) if found else 0


def test_a_job_is_watched_and_cancelled(page: Page, slow_job: SlowJob, gateway: KinologClient) -> None:
    """A running job shows its picture so far and each step, in its page and in the dashboard, until it is cancelled."""
    job = slow_job("a slow sunrise")
    page.goto("/")
    now = page.get_by_role("region", name="Now", exact=True)
    expect(now.get_by_alt_text("The picture so far")).to_be_visible()
    now.get_by_role("link", name="a slow sunrise").click()
    page.wait_for_url(f"**/jobs/{job}")
    expect(page.get_by_alt_text("The picture so far")).to_be_visible()
    steps = page.get_by_text(STEP)
    first = step_of(steps)
    wait_until(lambda: step_of(steps) > first, "a later step is shown")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("1 job: done")).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(steps).to_have_count(0)
    assert gateway.status(job).status == "cancelled"


def test_two_tabs(open_page: OpenPage, gateway: KinologClient, slow_job: SlowJob) -> None:
    """Both tabs follow a job, and what is chosen in one is so in the other."""
    one = open_page(color_scheme="light")
    two = one.context.new_page()
    one.bring_to_front()  # behind another tab it draws one frame a second, for which each click waits
    one.goto("/settings")
    two.goto("/jobs")
    one.get_by_role("combobox", name="Theme").click()
    one.get_by_role("option", name="Dark").click()
    one.get_by_role("combobox", name="Language").click()
    one.get_by_role("option", name="Deutsch").click()
    one.get_by_role("button", name="Save").click()
    expect(two.get_by_role("heading", name="Aufträge", exact=True)).to_be_visible()
    expect(two.get_by_label("Helles Design")).to_be_visible()
    job = slow_job("two pairs of eyes")
    for tab in (one, two):
        tab.goto(f"/jobs/{job}")
        expect(tab.get_by_text(re.compile(r"Schritt \d+ von 900"))).to_be_visible()
    gateway.cancel(job)
    for tab in (one, two):
        expect(tab.get_by_role("button", name="Wiederholen")).to_be_visible()


def test_a_job_is_told_of_once(open_page: OpenPage, gateway: KinologClient) -> None:
    """While a tab is visible the browser notifies of nothing. Else all tabs notify with one tag: as if one did."""
    one = open_page()
    one.context.add_init_script(TABS)
    two = one.context.new_page()
    one.bring_to_front()  # behind another tab it draws one frame a second, for which each click waits
    one.goto("/settings")
    one.get_by_label("Tell me when a job ends").check()
    one.get_by_role("button", name="Save").click()
    two.goto("/jobs")
    for tab in (one, two):
        expect_live(tab)
    two.evaluate("hide(true)")
    seen = gateway.generate("seen at once", model="card").job_id
    for tab in (one, two):
        expect(tab.get_by_text(f"Job {seen[:8]} is complete")).to_be_visible()
        assert tab.evaluate("navigator.locks.query().then(() => shown)") == []
    one.evaluate("hide(true)")
    unseen = gateway.generate("not seen", model="card").job_id
    for tab in (one, two):
        tab.wait_for_function("() => shown.length > 0")
        assert tab.evaluate("shown") == [unseen]
