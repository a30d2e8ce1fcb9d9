"""The web page of a gateway that needs keys: one is entered, refused, revoked, and made for others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from kinolog_client import KinologClient
from kinolog_stack.stack import Stack
from tests.fixtures.waits import wait_until
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage, expect_live, expect_to_play
from tests.fixtures.web_servers import api_beside, gateway_before, knows_key

pytestmark = NEEDS_BROWSER
NEEDS_KEY = "The server needs an API key."
REFUSED = "The server does not accept your API key."


@pytest.fixture(scope="module")
def keyed(stack: Stack) -> Iterator[str]:
    """Address of a gateway that needs a key."""
    env = {"KINOLOG_REQUIRE_KEY": "true"}
    with api_beside(stack, env) as api, gateway_before(api.address, env) as before:
        yield before.url


def enter(page: Page, key: str) -> None:
    """Enter a key in the settings."""
    page.get_by_label("API key", exact=True).fill(key)
    page.get_by_role("button", name="Save").click()


def test_a_key_is_entered_and_revoked(open_page: OpenPage, keyed: str, gateway: KinologClient) -> None:
    """The page asks for a key, refuses a wrong one, works with a right one, and asks again when it is revoked."""
    first, second = (gateway.create_key("ada", name=name) for name in ("first", "second"))
    job = gateway.generate("a secret garden", model="card").job_id
    list(gateway.watch(job))
    for key in (first, second):
        wait_until(partial(knows_key, keyed, key.secret), "the key is known")
    page = open_page(keyed, may_lose_requests=True)
    page.clock.install()
    page.goto("/jobs?text=secret")
    expect(page.get_by_text(NEEDS_KEY).first).to_be_visible()
    page.get_by_role("link", name="Enter a key").click()
    enter(page, "kino_aaaaaaaa_wrong")
    expect(page.get_by_text(REFUSED).first).to_be_visible()
    enter(page, first.secret)
    expect(page.get_by_text("You are ada of the tenant default.")).to_be_visible()
    expect_live(page)
    expect(page.get_by_text(REFUSED)).to_have_count(0)
    page.get_by_role("link", name="Jobs").click()
    page.get_by_role("link", name="a secret garden").click()
    expect_to_play(page)
    page.get_by_role("tab", name="Scenes").click()
    scene = page.get_by_label("Scene 1")
    expect(scene).to_have_attribute("src", re.compile("[?]ticket="))
    link = scene.get_attribute("src") or ""
    page.clock.fast_forward("09:00")  # the ticket ends soon
    expect(scene).not_to_have_attribute("src", link)
    gateway.revoke_key(first.key_id)
    expect(page.get_by_text(REFUSED).first).to_be_visible()
    page.get_by_role("link", name="Enter a key").click()
    enter(page, second.secret)
    expect_live(page)
    expect(page.get_by_text(REFUSED)).to_have_count(0)


def test_keys_are_made_and_revoked(open_page: OpenPage, keyed: str, gateway: KinologClient) -> None:
    """A person with the scope `admin` makes a key, which the page shows once and which works, and revokes it."""
    admin = gateway.create_key("root", name="root", scopes=["read", "admin"])
    wait_until(lambda: knows_key(keyed, admin.secret), "the key is known")
    page = open_page(keyed, may_lose_requests=True)
    page.goto("/settings")
    enter(page, admin.secret)
    keys = page.get_by_role("region", name="API keys of the server")
    keys.get_by_label("For whom").fill("ben")
    keys.get_by_label("Name").fill("ben's laptop")
    for scope in ("submit", "cancel"):  # which are chosen at first
        keys.get_by_role("button", name=scope, pressed=True).click()
    keys.get_by_role("button", name="Create").click()
    alert = keys.get_by_role("alert").filter(has_text="Copy this key now")
    secret = alert.get_by_text("kino_").inner_text()
    with KinologClient(keyed, api_key=secret) as made:
        caller = made.who_am_i()
        assert (caller.actor, set(caller.scopes)) == ("ben", {"read"})
        keys.get_by_role("button", name="Revoke ben's laptop").click()
        page.get_by_role("button", name="Yes", exact=True).click()
        expect(keys).to_be_visible()  # without the question over it
        expect(keys.get_by_role("button", name="Revoke ben's laptop")).to_have_count(0)
    with KinologClient(keyed, api_key=admin.secret) as root:
        (ended,) = (key for key in root.api_keys(include_ended=True).keys if key.name == "ben's laptop")
        assert ended.revoked_at is not None
