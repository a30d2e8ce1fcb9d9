"""The web page in Chromium, on a whole kinolog: from a prompt to a video that plays; each page is accessible."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.fixtures.web_pages import NEEDS_BROWSER, expect_accessible, expect_to_play

PROMPT = "a red circle moving right on a blue background"
pytestmark = NEEDS_BROWSER


def submitted(page: Page, prompt: str = PROMPT) -> str:
    """Submit a job by the form, which shows its scenes before. Return its id."""
    page.goto("/generate")
    page.get_by_label("What happens in the video?").fill(prompt)
    expect(page.get_by_role("region", name="Storyboard").get_by_text(prompt)).to_be_visible()
    page.get_by_role("button", name="Make the video").click()
    page.wait_for_url("**/jobs/*")
    return page.url.rsplit("/", 1)[1]


def test_from_the_form_to_a_video_that_plays(page: Page) -> None:
    """A job is watched until its video plays in the page; then its record is checked."""
    submitted(page)
    expect_to_play(page)
    for tab in ("Scenes", "Log", "History", "Record"):
        page.get_by_role("tab", name=tab).click()
    page.get_by_role("button", name="Verify the record").click()
    expect(page.get_by_text("The record is complete and untouched")).to_be_visible()


def test_a_file_that_is_removed_during_an_upload(page: Page, tmp_path: Path) -> None:
    """A file that is removed while another one is uploaded stays removed."""
    page.goto("/generate")
    page.get_by_role("combobox", name="Model").click()
    page.get_by_role("option", name="picture-card").click()
    files = [tmp_path / f"{colour}.png" for colour in ("red", "green")]
    for file in files:
        Image.new("RGB", (96, 64), file.stem).save(file)
    chosen = [page.get_by_label(f"Remove {file.name}") for file in files]
    page.locator("input[type=file]").first.set_input_files(files[0])
    expect(chosen[0]).to_be_visible()

    def remove_meanwhile(upload: Route) -> None:
        chosen[0].press("Delete")
        expect(chosen[0]).to_have_count(0)
        upload.continue_()

    page.route("**/api/v1/inputs", remove_meanwhile)
    page.locator("input[type=file]").last.set_input_files(files[1])
    expect(chosen[1]).to_be_visible()
    expect(chosen[0]).to_have_count(0)


def test_a_job_is_erased_in_the_list(page: Page) -> None:
    """A marked job of the list is erased, once the question is answered, and the page says so."""
    job = submitted(page)
    page.locator("video").wait_for()
    page.goto(f"/jobs?text={job}")
    page.get_by_label(f"Select job {job[:8]}").check()
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("button", name="No", exact=True)).to_be_focused()
    page.get_by_role("button", name="Yes", exact=True).click()
    expect(page.get_by_text("1 job: done")).to_be_visible()
    page.goto(f"/jobs/{job}")
    expect(page.get_by_text("The prompt and the files of this job are erased")).to_be_visible()


def test_every_page_is_accessible(page: Page) -> None:
    """axe finds nothing wrong with any page, light or dark. What moves or is about to change has come to rest."""
    page.emulate_media(reduced_motion="reduce")
    job = submitted(page)
    page.locator("video[src]").wait_for()
    tabs = [f"/jobs/{job}?tab={tab}" for tab in ("scenes", "log", "history", "record")]
    for path in (
        "/",
        "/jobs",
        f"/jobs/{job}",
        *tabs,
        "/generate",
        "/schedules",
        "/analytics",
        "/audit",
        "/settings",
    ):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        expect(page.locator("main")).not_to_be_empty()
        expect_accessible(page)
