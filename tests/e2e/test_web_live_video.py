"""The web page plays the video of a job while it is rendered, also over a killed gateway."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from kinolog_client import KinologClient, VideoScene
from kinolog_stack.stack import Stack
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage, SlowJob
from tests.fixtures.web_servers import gateway_before

pytestmark = NEEDS_BROWSER


def test_a_job_is_played_while_it_is_rendered(
    stack: Stack, open_page: OpenPage, gateway: KinologClient, slow_job: SlowJob, tmp_path: Path
) -> None:
    """What is drawn plays. When the gateway is back the same video goes on with the scene that follows.

    That one is not drawn before, and the last one never.
    """
    prompts = ("a ring", f"a ring until {tmp_path / 'next'}", f"a ring until {tmp_path / 'never'}")
    scenes = [VideoScene(prompt=prompt, duration=1.0) for prompt in prompts]
    with gateway_before(stack.addresses["api"]) as killed:
        page = open_page(killed.url, may_lose_requests=True)
        job = slow_job("rings", scenes=scenes, steps=1, fps=8)
        page.goto(f"/jobs/{job}")
        video = page.get_by_label("The video so far")
        expect(video).to_be_visible()
        page.wait_for_function("() => document.querySelector('video').currentTime > 0.2")
        shown = video.element_handle()
        killed.kill()
        drawn = page.evaluate("video => video.buffered.end(0)", shown)
        killed.start()
        (tmp_path / "next").touch()
        page.wait_for_function("([video, drawn]) => video.buffered.end(0) > drawn + 0.5", arg=[shown, drawn])
        page.wait_for_function("([video, drawn]) => video.currentTime > drawn", arg=[shown, drawn])
        # One range: nothing is missing between. The video is the same, and was not begun again.
        assert page.evaluate("video => [video.buffered.length, video.isConnected]", shown) == [1, True]
    assert gateway.status(job).status == "processing"
