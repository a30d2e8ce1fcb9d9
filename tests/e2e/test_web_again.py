"""What fails at first and is done again in the web page, and jobs that are made again."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, Request, Route, expect

from kinolog_client import KinologClient, VideoInput
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage, expect_to_play

pytestmark = NEEDS_BROWSER
FAILURES = 2
"""Reads of a video that fail: the first one is repeated at once, the second after a second."""


def test_a_video_that_cannot_be_read_is_read_again(open_page: OpenPage, gateway: KinologClient) -> None:
    """The player reads a video again after reads that failed, and plays it."""
    job = gateway.generate("a patient player", model="card").job_id
    list(gateway.watch(job))
    page = open_page(may_lose_requests=True)
    reads = count(1)

    def fail_at_first(route: Route) -> None:
        if next(reads) <= FAILURES:
            route.abort()
        else:
            route.continue_()

    page.route(f"**/api/v1/result/{job}/video*", fail_at_first)
    page.goto(f"/jobs/{job}")
    expect_to_play(page)
    assert next(reads) > FAILURES + 1


def test_a_video_is_made_again_with_its_files(
    open_page: OpenPage, gateway: KinologClient, tmp_path: Path
) -> None:
    """The files of a job are uploaded once, also if the new job has to be sent twice."""
    picture = tmp_path / "red.png"
    Image.new("RGB", (96, 64), "red").save(picture)
    upload = gateway.upload_input(picture.read_bytes())
    inputs = [VideoInput("first_frame", upload.upload_id)]
    job = gateway.generate("a red start", model="picture-card", inputs=inputs).job_id
    page = open_page(may_lose_requests=True)
    uploads: list[Request] = []
    page.on("request", lambda each: uploads.append(each) if each.url.endswith("/api/v1/inputs") else None)
    page.route("**/api/v1/generate", lambda route: route.abort(), times=1)
    page.goto(f"/generate?from={job}")
    send = page.get_by_role("button", name="Make the video")
    send.click()
    expect(page.get_by_text("The server does not answer.")).to_be_visible()
    send.click()
    page.wait_for_url("**/jobs/*")
    assert len(uploads) == 1
    again = gateway.status(page.url.rsplit("/", 1)[1])
    assert [each.sha256 for each in again.inputs] == [each.sha256 for each in gateway.status(job).inputs]


def test_a_job_is_reproduced(page: Page, gateway: KinologClient) -> None:
    """A completed job is rendered again, and the new one says that its frames are equal."""
    job = gateway.generate("the same again", model="card").job_id
    list(gateway.watch(job))
    page.goto(f"/jobs/{job}")
    page.get_by_role("button", name="Reproduce").click()
    page.get_by_role("button", name="Yes", exact=True).click()
    page.wait_for_url(lambda url: "/jobs/" in url and not url.endswith(job))
    expect(page.get_by_text(f"All frames are equal to those of job {job[:8]}")).to_be_visible()
    page.get_by_role("link", name=f"Open job {job[:8]}").click()
    page.wait_for_url(f"**/jobs/{job}")
