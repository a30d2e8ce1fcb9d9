"""The page of audits in Chromium: questions, the queue as it was, heads that the browser checks, and exports."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Download, Page, Route, expect

from kinolog_client import KinologClient, NotFound, TreeHeadInfo
from kinolog_client.models.history import FoundCommitInfo
from kinolog_stack.stack import Stack
from tests.fixtures.waits import wait_until
from tests.fixtures.web_pages import NEEDS_BROWSER, OpenPage, SlowJob, expect_accessible
from tests.fixtures.web_servers import api_beside, gateway_before, knows_key

pytestmark = NEEDS_BROWSER
HEAD_SECONDS = 180.0
"""Longer than the pause between two heads."""
SELECTED = "(field) => field.value.slice(field.selectionStart, field.selectionEnd)"


@pytest.fixture
def job(gateway: KinologClient) -> str:
    """A completed job."""
    made = gateway.generate("an audited ring", model="card").job_id
    list(gateway.watch(made))
    return made


def await_head(gateway: KinologClient) -> TreeHeadInfo:
    """Return the last head of the tree, once one of several commits is signed: within a minute of the first."""
    head = wait_until(partial(signed_head, gateway), "a head is signed", bool, HEAD_SECONDS)
    assert head is not None
    return head


def signed_head(gateway: KinologClient) -> TreeHeadInfo | None:
    """Return the last head of the tree, if one of at least two commits is signed. The first may be of a single one."""
    try:
        head = gateway.tree_head()
    except NotFound:
        return None
    return head if head.size > 1 else None


def found(gateway: KinologClient, question: str) -> Sequence[FoundCommitInfo]:
    """Return the commits that a question asks for, newest first, once there is one."""
    return wait_until(lambda: gateway.search_events(question).commits, "the lists have it", bool)


def ask(page: Page, question: str) -> None:
    """Ask a question."""
    page.get_by_label("Question").fill(question)
    page.get_by_role("button", name="Search", exact=True).click()


def test_a_question_is_corrected_and_narrowed(open_page: OpenPage, gateway: KinologClient, job: str) -> None:
    """The word that is wrong is selected. Commits have details, lead to narrower questions, and have an address."""
    page = open_page(may_lose_requests=True)  # one is refused
    found(gateway, f"job={job} event=completed")
    commits = gateway.search_events(f"job={job}").commits
    page.emulate_media(reduced_motion="reduce")
    page.goto("/audit")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text("commit")
    expect_accessible(page)
    ask(page, f"job={job} colour=red")
    expect(page.get_by_role("search").get_by_role("alert")).to_contain_text("there is no field colour")
    expect(page.get_by_label("Question")).to_be_focused()
    assert page.get_by_label("Question").evaluate(SELECTED) == "colour=red"
    expect_accessible(page)
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main").get_by_role("status")).to_contain_text(f"{len(commits)} commits")
    rows = page.locator("ol > li")
    expect(rows).to_have_count(len(commits))
    expect(rows.first).to_contain_text("completed")
    rows.first.get_by_role("button").click()
    expect(rows.first).to_contain_text(commits[0].hash)
    page.get_by_role("button", name="Fields of a question").click()
    expect(page.get_by_text("decided before this time")).to_be_visible()
    expect_accessible(page)
    rows.first.get_by_role("button", name="command=complete").click()
    expect(rows).to_have_count(1)
    assert f"q=job%3D{job}+command%3Dcomplete" in page.url
    page.reload()
    expect(page.get_by_label("Question")).to_have_value(f"job={job} command=complete")
    page.get_by_role("combobox", name="Show").click()
    page.get_by_role("option", name="Who did what").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect_accessible(page)
    page.get_by_role("combobox", name="Show").click()
    page.get_by_role("option", name="Commits").click()
    rows.first.get_by_role("link").click()
    page.wait_for_url(f"**/jobs/{job}")


def test_the_queue_as_it_was(page: Page, gateway: KinologClient, slow_job: SlowJob) -> None:
    """A link shows a position. Keys move the slider by a commit, and to now, and the address follows."""
    running = slow_job("a job of the past")
    (started,) = found(gateway, f"job={running} event=attempt_started")
    found(gateway, f"job={running} event=stage_started")  # the slider goes on after the start
    (queued,) = gateway.search_events(f"job={running} event=queued").commits
    assert queued.at is not None
    queue = page.get_by_role("region", name="Queue")
    fleet = page.get_by_role("region", name="Fleet")
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/audit?at={queued.position}")
    expect(queue.get_by_role("link", name=running[:8])).to_be_visible()
    expect_accessible(page)
    slider = page.get_by_role("slider")
    expect(slider).not_to_have_attribute("aria-valuemax", str(queued.position))  # the end of the log is known
    slider.focus()
    for _ in range(started.position - queued.position):
        page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**/audit?at={started.position}")
    expect(fleet.get_by_role("link", name=running[:8])).to_be_visible()
    expect(queue.get_by_role("link", name=running[:8])).to_have_count(0)
    page.goto(f"/audit?at={queued.at.isoformat().replace('+', '%2B')}")
    expect(slider).to_have_attribute("aria-valuenow", str(queued.position))
    page.get_by_role("button", name="Now").click()
    page.wait_for_url("**/audit?tab=past")
    expect(fleet.get_by_role("link", name=running[:8])).to_be_visible()


def test_the_browser_is_a_witness(page: Page, gateway: KinologClient, job: str) -> None:
    """It checks the signature, remembers the first head, and says whether a later one continues it."""
    head = await_head(gateway)
    page.emulate_media(reduced_motion="reduce")
    page.goto("/audit?tab=heads")
    expect(page.get_by_text("The signature is that of this key")).to_be_visible()
    page.wait_for_function("() => localStorage.getItem('kinolog.first_head') !== null")
    expect_accessible(page)
    remembered = json.loads(page.evaluate("localStorage.getItem('kinolog.first_head')"))
    assert remembered["origin"] == head.origin

    def reload_with(size: int, root: str) -> None:
        changed = json.dumps(remembered | {"size": size, "root": root})
        page.evaluate("(first) => localStorage.setItem('kinolog.first_head', first)", changed)
        page.reload()

    earlier = gateway.prove_consistency(1)
    reload_with(1, earlier.old_root)
    expect(page.get_by_text("nothing before it was changed")).to_be_visible()
    reload_with(1, "ab" * 32)
    expect(page.get_by_text("history was rewritten")).to_be_visible()
    expect_accessible(page)
    reload_with(2**40, earlier.old_root)  # heads were taken back
    expect(page.get_by_text("history was rewritten")).to_be_visible()
    page.get_by_role("button", name="Forget the first head").click()
    expect(page.get_by_text("history was rewritten")).to_have_count(0)
    page.route(
        "**/tree/head",
        lambda route: route.fulfill(json=route.fetch().json() | {"root": "ab" * 32}),
    )
    page.reload()
    expect(page.get_by_text("this head was changed")).to_be_visible()


def test_a_record_is_verified(page: Page, job: str) -> None:
    """By the id of its job."""
    page.goto("/audit?tab=verify")
    page.get_by_label("Job", exact=True).fill("nonsense")
    page.get_by_role("button", name="Verify the record").click()
    expect(page.get_by_text("An id of a job has 26 lower-case letters and digits.")).to_be_visible()
    page.get_by_label("Job", exact=True).fill(job)
    page.get_by_role("button", name="Verify the record").click()
    expect(page.get_by_text("The record is complete and untouched")).to_be_visible()
    page.wait_for_url(f"**/audit?job={job}")
    expect_accessible(page)


def test_everything_is_compared(page: Page, job: str) -> None:
    """An operator starts it, and sees how far it is and what differs first, with the way to it."""
    page.goto("/audit?tab=verify")
    panel = page.get_by_role("region", name="Everything")
    panel.get_by_role("button", name="Compare everything").click()
    expect(panel.get_by_text("Compared up to position")).to_be_visible()
    expect_accessible(page)
    (made,) = page.evaluate("fetch('/api/v1/audit/verifications?limit=1').then((answer) => answer.json())")[
        "verifications"
    ]
    part = {"count": 7, "unit": "commit", "position": None, "job_id": None, "detail": "", "holds": True}
    lost = part | {
        "name": "log and archive",
        "holds": False,
        "position": 5,
        "job_id": job,
        "detail": "it is not there",
    }
    going = {"state": "running", "parts": [], "progress": {"commits": 10, "all_commits": 40, "jobs": 2}}
    shown = [made | going]

    def fulfil(route: Route) -> None:
        route.fulfill(json={"verifications": shown, "next_after": None})

    page.route("**/audit/verifications?*", fulfil)
    page.reload()
    expect(panel.get_by_text("10 of 40 commits")).to_be_visible()
    expect(panel.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "25")
    expect(panel.get_by_role("button", name="Stop")).to_be_enabled()
    expect_accessible(page)
    shown[0] = made | {"state": "differs", "position": 40, "parts": [lost, part | {"name": "tree"}]}
    expect(panel.get_by_text("Something differs.")).to_be_visible()  # the page asks again by itself
    expect(panel.get_by_text("it is not there")).to_be_visible()
    expect(panel.get_by_role("link", name=f"Job {job[:8]}")).to_be_visible()
    expect_accessible(page)
    panel.get_by_role("link", name="Position 5").click()
    page.wait_for_url("**/audit?q=position%3D5")


def test_exports(page: Page, gateway: KinologClient, job: str, tmp_path: Path) -> None:
    """Events are saved as lines, and an archive with what proves them. What is wrong is said at its field."""
    await_head(gateway)
    page.emulate_media(reduced_motion="reduce")
    page.goto("/audit?tab=export")
    page.get_by_label("Job", exact=True).fill("nonsense")
    expect(page.get_by_text("An id of a job has 26 lower-case letters and digits.")).to_be_visible()
    page.get_by_label("Job", exact=True).fill(job)

    def exported() -> Download:
        with page.expect_download() as download:
            page.get_by_role("button", name="Export", exact=True).click()
        return download.value

    lines = Path(exported().path()).read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert {event["subject"] for event in events} == {job}
    assert events[-1]["type"] == "kinolog.job.completed"
    expect(page.get_by_text(f"events.jsonl is saved: {len(events)} events")).to_be_visible()
    expect_accessible(page)
    page.get_by_role("combobox", name="Format").click()
    page.get_by_role("option", name="Bundle").click()
    page.get_by_label("Job", exact=True).fill(
        ""
    )  # the bundle goes up to the last head, which may lack the job
    with zipfile.ZipFile(exported().path()) as bundle:
        positions = [json.loads(line)["position"] for line in bundle.read("commits.jsonl").splitlines()]
        heads = [json.loads(line) for line in bundle.read("heads.jsonl").splitlines()]
    assert positions == sorted(set(positions))
    assert 1 <= len(positions) <= int(heads[-1]["note"].splitlines()[1])
    expect(page.get_by_text("bundle.zip is saved")).to_be_visible()


@pytest.fixture(scope="module")
def keyed(stack: Stack) -> Iterator[str]:
    """Address of a gateway that needs a key."""
    env = {"KINOLOG_REQUIRE_KEY": "true"}
    with api_beside(stack, env) as api, gateway_before(api.address, env) as before:
        yield before.url


def test_a_key_that_may_not_audit(open_page: OpenPage, keyed: str, gateway: KinologClient) -> None:
    """It is offered heads alone. One of a tenant is offered no other tenant."""
    reader = gateway.create_key("ben", tenant="studio", scopes=["read"]).secret
    auditor = gateway.create_key("ada", tenant="studio", scopes=["audit"]).secret
    for key, tabs in (
        (reader, ["Heads"]),
        (auditor, ["Search", "Queue and fleet", "Heads", "Verify", "Export"]),
    ):
        wait_until(partial(knows_key, keyed, key), "the key is known")
        page = open_page(keyed, may_lose_requests=True)
        page.add_init_script(
            f"""localStorage.setItem("kinolog.settings", '{{"state": {{"apiKey": "{key}"}}, "version": 1}}')"""
        )
        page.goto("/audit")
        expect(page.get_by_role("tab")).to_have_text(tabs)
        if key == auditor:
            page.get_by_role("tab", name="Export").click()
            expect(page.get_by_label("Actor", exact=True)).to_be_visible()
            expect(page.get_by_label("Tenant", exact=True)).to_have_count(0)
            expect(page.get_by_role("checkbox")).to_have_count(0)
