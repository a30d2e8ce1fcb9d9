"""The web page in Chromium, on a whole kinolog: from a prompt to a video that plays; each page is accessible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from kinolog_gateway.web_page.built_page import WEB_FILES
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from kinolog_stack.stack import Stack

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
LIMIT_MS = 60_000
PROMPT = "a red circle moving right on a blue background"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(
        not (WEB_FILES / "index.html").is_file(), reason="the web page is not built: make web"
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.getuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """A page of a person who reads English. Whatever the browser reports as an error fails the test."""
    context = browser.new_context(
        base_url=stack.addresses["gateway"],
        locale="en-GB",
        viewport={"width": 1280, "height": 900},
        bypass_csp=True,
    )
    context.set_default_timeout(LIMIT_MS)
    page = context.new_page()
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def submitted(page: Page, prompt: str = PROMPT) -> str:
    """Submit a job by the form. Return its id."""
    page.goto("/generate")
    page.get_by_label("What happens in the video?").fill(prompt)
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url("**/jobs/*")
    return page.url.rsplit("/", 1)[1]


def test_from_the_form_to_a_video_that_plays(page: Page) -> None:
    """A job is watched until its video plays in the page; then its record is checked."""
    submitted(page)
    page.locator("video").wait_for(timeout=LIMIT_MS)
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function("document.querySelector('video').currentTime > 0.2", timeout=LIMIT_MS)
    for tab in ("Scenes", "Log", "History", "Record"):
        page.get_by_role("tab", name=tab).click()
    page.get_by_role("button", name="Verify the record").click()
    expect(page.get_by_text("The record is complete and untouched")).to_be_visible(timeout=LIMIT_MS)


def test_a_job_is_erased_in_the_list(page: Page) -> None:
    """A marked job of the list is erased, once the question is answered, and the page says so."""
    job = submitted(page)
    page.locator("video").wait_for(timeout=LIMIT_MS)
    page.goto(f"/jobs?text={job}")
    page.get_by_label(f"Select job {job[:8]}").check()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("button", name="No", exact=True)).to_be_focused()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("1 job: done")).to_be_visible(timeout=LIMIT_MS)
    page.goto(f"/jobs/{job}")
    expect(page.get_by_text("The prompt and the files of this job are erased")).to_be_visible(
        timeout=LIMIT_MS
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible(page: Page, scheme: str) -> None:
    """axe finds nothing wrong with any page."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    job = submitted(page)
    tabs = [f"/jobs/{job}?tab={tab}" for tab in ("scenes", "log", "history", "record")]
    for path in ("/", "/jobs", f"/jobs/{job}", *tabs, "/generate", "/analytics", "/settings"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        expect(page.locator("main")).not_to_be_empty()
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run().then((result) => result.violations.map((each) => each.id))")
        assert found == [], path
