"""The web page while the gateway, the api or the network fail: it says so, goes on by itself, and loses nothing."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio.from_thread import start_blocking_portal
from playwright.sync_api import Route, expect

from kinolog_client import JobSelection, KinologClient
from kinolog_stack.stack import Stack
from tests.fixtures.unreliable_network import unreliable_network
from tests.fixtures.web_pages import (
    NEEDS_BROWSER,
    RECORDER,
    OpenPage,
    SlowJob,
    expect_live,
    received_commits,
)
from tests.fixtures.web_servers import api_beside, gateway_before

pytestmark = NEEDS_BROWSER
NO_CONNECTION = "No connection for live updates. The page reads the server every"
NO_UPDATES = "The server sends no updates at present"
TEN_SECONDS = 10_000


def fulfil(answer: dict[str, Any], route: Route) -> None:
    """Answer a request in place of the gateway."""
    route.fulfill(**answer)


def test_a_killed_gateway(
    stack: Stack, open_page: OpenPage, gateway: KinologClient, slow_job: SlowJob
) -> None:
    """A banner tells of it. When the gateway is back the page, not loaded again, receives each missed commit."""
    with gateway_before(stack.addresses["api"]) as killed:
        page = open_page(killed.url, may_lose_requests=True)
        page.add_init_script(RECORDER)
        page.goto("/jobs?text=outage")
        expect_live(page)
        page.evaluate("window.isTheSame = true")
        running = slow_job("before the outage")
        row = page.get_by_role("row", name="before the outage")
        expect(row).to_contain_text("processing")
        killed.kill()
        expect(page.get_by_text(NO_CONNECTION)).to_be_visible()
        gateway.cancel(running)
        missed = gateway.generate("during the outage", model="card").job_id
        list(gateway.watch(missed))
        killed.start()
        expect(row).to_contain_text("cancelled")
        expect(page.get_by_role("row", name="during the outage")).to_contain_text("completed")
        expect_live(page)
        expect(page.get_by_text(NO_CONNECTION)).to_have_count(0)
        logged = sorted(
            (commit.position, job) for job in (running, missed) for commit in gateway.history(job).commits
        )
        received = received_commits(page, running, missed, number=len(logged))
        assert [(position, job) for job, position in received] == logged
        assert page.evaluate("window.isTheSame") is True


def test_a_silent_connection(stack: Stack, open_page: OpenPage, gateway: KinologClient) -> None:
    """A connection that transmits nothing is given up, and the page reads the server until another one answers."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(unreliable_network(stack.addresses["gateway"])) as network,
    ):
        page = open_page(network.url, may_lose_requests=True)
        page.clock.install()
        page.goto("/jobs?text=silence")
        expect_live(page)
        network.live = "silent"
        portal.call(network.mute_live)
        banner = page.get_by_text(NO_CONNECTION)
        for _ in range(3):  # until the next ping, and until it is not answered
            page.clock.fast_forward(TEN_SECONDS)
        expect(banner).to_be_visible()
        gateway.generate("heard in silence", model="card")
        page.clock.fast_forward(TEN_SECONDS)
        expect(page.get_by_role("row", name="heard in silence")).to_be_visible()
        expect(banner).to_be_visible()
        network.live = "works"
        portal.call(network.cut_live)
        expect_live(page)
        expect(banner).to_have_count(0)


def test_an_api_that_is_away(stack: Stack, open_page: OpenPage, gateway: KinologClient) -> None:
    """A form that cannot be sent is as it was. What is sent again when the api is back is one job."""
    with api_beside(stack) as api, gateway_before(api.address) as before:
        page = open_page(before.url, may_lose_requests=True)
        page.goto("/generate")
        prompt = page.get_by_label("What happens in the video?")
        prompt.fill("a form that waits")
        page.get_by_role("button", name="More settings").click()
        page.get_by_label("Seed").fill("4711")
        expect_live(page)
        api.kill()
        expect(page.get_by_text(NO_UPDATES)).to_be_visible()
        send = page.get_by_role("button", name="Make the video")
        send.click()
        expect(page.get_by_role("alert").filter(has_text="api")).to_be_visible()
        expect(prompt).to_have_value("a form that waits")
        expect(page.get_by_label("Seed")).to_have_value("4711")
        api.start()
        expect_live(page)
        send.click()
        page.wait_for_url("**/jobs/*")
        expect(page.get_by_role("heading", name="Job")).to_be_visible()
        job = gateway.status(page.url.rsplit("/", 1)[1])
        assert (job.prompt, job.seed) == ("a form that waits", 4711)
        position = gateway.history(job.job_id).commits[-1].position
        assert gateway.jobs(JobSelection(text="form that waits"), min_position=position).total == 1


def test_answers_that_are_errors(open_page: OpenPage, gateway: KinologClient) -> None:
    """A refused or failed request is told in words, and the form is as it was, until it is sent.

    The page lacks what browsers have on secure addresses only.
    """
    page = open_page(may_lose_requests=True)
    page.add_init_script("delete Crypto.prototype.randomUUID")
    page.goto("/generate")
    prompt = page.get_by_label("What happens in the video?")
    prompt.fill("a form that is refused")
    send = page.get_by_role("button", name="Make the video")
    problem = {"status": 429, "reason": "RATE_LIMITED", "detail": "too many writes: send this again in 7 s"}
    for answer, text in (
        ({"status": 429, "json": problem, "headers": {"Retry-After": "7"}}, "send this again in 7 s"),
        ({"status": 500, "body": "<h1>Oh</h1>"}, "The server answered with status 500."),
    ):
        page.route("**/api/v1/generate", partial(fulfil, answer))
        send.click()
        expect(page.get_by_role("alert").filter(has_text=text)).to_be_visible()
        expect(prompt).to_have_value("a form that is refused")
    page.unroute_all()
    send.click()
    page.wait_for_url("**/jobs/*")
    assert gateway.status(page.url.rsplit("/", 1)[1]).prompt == "a form that is refused"


def test_a_part_that_is_not_there(open_page: OpenPage) -> None:
    """A dialog whose script does not arrive takes nothing else away, and the page says so."""
    page = open_page(may_lose_requests=True)
    page.route("**/assets/palette-*", lambda route: route.abort())
    page.goto("/generate")
    prompt = page.get_by_label("What happens in the video?")
    prompt.fill("a form that stays")
    page.keyboard.press("Control+k")
    expect(page.get_by_text("This page could not be shown.")).to_be_visible()
    expect(prompt).to_have_value("a form that stays")
