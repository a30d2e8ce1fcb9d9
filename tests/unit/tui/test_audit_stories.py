"""Stories of the page of audits: questions, the queue as it was, heads, checks and exports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kinolog_tui.screens.audit import past_tab
from kinolog_tui.screens.audit.audit_page import AuditPage
from kinolog_tui.screens.job.job_page import JobPage
from kinolog_tui.widgets.audit.log_slider import LogSlider
from textual.pilot import Pilot
from textual.widgets import Input, TabbedContent

from tests.snapshot.audit import CALLER, COMPARISONS, LEAVES, commits, comparison, head, offer_audit
from tests.snapshot.dashboard_pilot import app_of, press, settled, text, until, until_text
from tests.snapshot.replay import Replay, recorded, requests_of

EVENTS, QUEUE = "/api/v1/audit/events", "/api/v1/audit/queue"
MADE = recorded()["made"]
COMMITS = commits()

pytestmark = pytest.mark.slow


@pytest.fixture
async def audit(gateway: Replay, pilot: Pilot[None]) -> Pilot[None]:
    """The dashboard on the page of audits."""
    offer_audit(gateway)
    await press(pilot, "7")
    await until_text(pilot, "searched up to position")
    return pilot


async def ask(pilot: Pilot[None], question: str) -> None:
    """Ask a question."""
    await press(pilot, "slash")
    pilot.app.screen.query_one("#question", Input).value = question
    await press(pilot, "enter")


async def test_commits_are_listed_with_their_details(gateway: Replay, audit: Pilot[None]) -> None:
    """Days are headings. The selected commit has its facts beside it; enter opens its job."""
    shown = text(audit)
    assert f"{len(COMMITS)} commits, newest first, searched up to position {COMMITS[0]['position']}" in shown
    assert "Sunday, 22 November 2026" in shown
    assert "192.0.2.7" in shown
    await press(audit, "j")
    await until_text(audit, f"position {COMMITS[1]['position']}")
    await press(audit, "enter")
    assert isinstance(audit.app.screen, JobPage)


async def test_a_wrong_word_is_selected(gateway: Replay, audit: Pilot[None]) -> None:
    """The message stands below the field, and what one types replaces the word. A right question clears it."""
    message = "at column 11, `colour=red`: there is no field colour"
    gateway.problems[EVENTS] = {
        "status": 400,
        "reason": "BAD_QUERY",
        "detail": f"query {message}",
        "violations": [{"field": "query", "message": message}],
    }
    await ask(audit, "actor=ada colour=red")
    await until_text(audit, "column 11, colour=red: there is no field colour")
    field = audit.app.screen.query_one("#question", Input)
    assert field.has_focus
    assert field.selected_text == "colour=red"
    del gateway.problems[EVENTS]
    await press(audit, "delete", "enter")
    await until(audit, lambda: not field.has_focus)
    assert "there is no field" not in text(audit)
    assert requests_of(gateway, "GET", EVENTS)[-1]["query"] == "actor=ada"


async def test_who_did_what_leads_to_commits(gateway: Replay, audit: Pilot[None]) -> None:
    """The rows of one actor and command become a narrower question; the order turns."""
    await ask(audit, "since=7d")
    await press(audit, "t")
    await until_text(audit, "1,204 ada  submit")
    await press(audit, "enter")
    await until_text(audit, "commits, newest first")
    assert requests_of(gateway, "GET", EVENTS)[-1]["query"] == "since=7d actor=ada command=submit"
    await press(audit, "s")
    await until_text(audit, "commits, oldest first")
    assert requests_of(gateway, "GET", EVENTS)[-1]["oldest_first"] == "true"


async def test_more_commits_follow(gateway: Replay, audit: Pilot[None]) -> None:
    """The next page is added, and the selection stays."""
    page = gateway.answers[EVENTS]
    first, rest = COMMITS[:2], COMMITS[2:]
    after = first[-1]["position"]
    gateway.answers[EVENTS] = page | {"commits": first, "next_position": after}
    gateway.answers[f"{EVENTS}?after={after}&limit=100&query="] = page | {"commits": rest}
    await press(audit, "ctrl+r")
    await until_text(audit, "the first 2 commits")
    await press(audit, "j", "n")
    await until_text(audit, f"{len(COMMITS)} commits, newest first")
    assert f"position {first[1]['position']}" in text(audit)


def asked(gateway: Replay) -> set[str | None]:
    """Return the moments whose queue was requested."""
    return {sent.get("as_of") for sent in requests_of(gateway, "GET", QUEUE)}


async def test_the_queue_as_it_was(
    gateway: Replay, audit: Pilot[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys move the slider, and the queue is requested once it rests. A time and a position can be typed."""
    last = COMMITS[0]["position"]
    await press(audit, "right_square_bracket")
    await until_text(audit, f"{last} of {last}")
    shown = text(audit)
    assert "place 1" in shown
    assert "worker-1" in shown
    monkeypatch.setattr(past_tab, "SETTLED_SECONDS", 3_600.0)
    await press(audit, "left", "h")
    slider = audit.app.screen.query_one(LogSlider)
    assert slider.position == last - 2
    assert asked(gateway) == {None}
    monkeypatch.setattr(past_tab, "SETTLED_SECONDS", 0.01)
    await press(audit, "left")
    await until(audit, lambda: str(last - 3) in asked(gateway))
    await press(audit, "slash")
    audit.app.screen.query_one("#as-of", Input).value = "noon"
    await press(audit, "enter")
    await until_text(audit, "a position, or a time that must be like 2026-11-22")
    audit.app.screen.query_one("#as-of", Input).value = "2026-11-22 15:30"
    await press(audit, "enter")
    await until(audit, lambda: "2026-11-22T15:30:00+00:00" in asked(gateway))
    await press(audit, "0")
    await until_text(audit, "now, last commit by then")


async def test_the_dashboard_is_a_witness(gateway: Replay, audit: Pilot[None]) -> None:
    """It remembers the first head, proves that later ones continue it, and finds a rewrite and a changed head."""
    await press(audit, "right_square_bracket", "right_square_bracket")
    await until_text(audit, "this dashboard remembers it")
    assert "the signature is that of this key" in text(audit)
    assert "s3://records/heads  this head since" in text(audit)
    gateway.answers["/api/v1/audit/tree/head"] = head(2)
    proof = {"old_size": 1, "old_root": "", "new_size": 2, "new_root": "", "hashes": [LEAVES[1].hex()]}
    gateway.answers["/api/v1/audit/tree/consistency/1"] = proof
    await press(audit, "ctrl+r")
    await until_text(audit, "nothing before it was changed")
    gateway.answers["/api/v1/audit/tree/consistency/1"] = proof | {"hashes": [LEAVES[0].hex()]}
    await press(audit, "ctrl+r")
    await until_text(audit, "history was rewritten")
    gateway.answers["/api/v1/audit/tree/head"] = head(2) | {"root": "ab" * 32}
    await press(audit, "ctrl+r")
    await until_text(audit, "the signature does not fit")
    gateway.answers["/api/v1/audit/tree/head"] = head(2)
    await press(audit, "F")
    await until_text(audit, "this dashboard remembers it")
    stored = json.loads(app_of(audit).store.file.with_name("first_heads.json").read_text())
    assert stored[gateway.url]["size"] == 2


async def test_no_head_is_signed_yet(gateway: Replay, audit: Pilot[None]) -> None:
    """It is said in place of the head."""
    gateway.problems["/api/v1/audit/tree/head"] = {
        "status": 404,
        "reason": "TREE_HEAD_NOT_FOUND",
        "detail": "no head is signed yet",
    }
    await press(audit, "right_square_bracket", "right_square_bracket")
    await until_text(audit, "No head is signed yet.")


async def test_a_record_is_verified(gateway: Replay, audit: Pilot[None]) -> None:
    """By the id of its job. What is no id is said at once."""
    await press(audit, *["right_square_bracket"] * 3)
    field = audit.app.screen.query_one("#job", Input)
    await until(audit, lambda: field.has_focus)
    field.value = "nonsense"
    await press(audit, "enter")
    await until_text(audit, "An id of a job has 26 lower-case letters and digits.")
    field.value = MADE
    await press(audit, "enter")
    await until_text(audit, "complete and untouched")


async def test_an_export_is_saved(gateway: Replay, audit: Pilot[None], tmp_path: Path) -> None:
    """What is wrong in the form is said there. The file has what the gateway sent; a refusal is said too."""
    await press(audit, "left_square_bracket")
    await until_text(audit, "prompts and other texts of users")
    page = audit.app.screen
    page.query_one("#since", Input).value = "noon"
    page.query_one("#export-job", Input).value = "nonsense"
    await press(audit, "escape", "x")
    await until_text(audit, "✖ from must be like")
    assert "✖ job has 26 lower-case letters and digits" in text(audit)
    page.query_one("#since", Input).value = ""
    page.query_one("#export-job", Input).value = ""
    page.query_one("#actor", Input).value = "ada"
    gateway.problems["/api/v1/audit/export"] = {
        "status": 403,
        "reason": "OTHER_TENANT",
        "detail": "not yours",
    }
    file = tmp_path / "events.jsonl"
    await press(audit, "x")
    audit.app.screen.query_one(Input).value = str(file)
    await press(audit, "enter")
    await until_text(audit, "✖ not yours")
    assert requests_of(gateway, "GET", "/api/v1/audit/export")[-1]["actor"] == "ada"
    assert not file.exists()


async def test_a_key_that_may_not_audit(gateway: Replay, pilot: Pilot[None]) -> None:
    """It is offered heads alone."""
    offer_audit(gateway)
    gateway.answers["/api/v1/whoami"] = CALLER | {"scopes": ["read"], "every_tenant": False}
    gateway.problems[EVENTS] = {"status": 403, "reason": "SCOPE_MISSING", "detail": "needs the scope audit"}
    await press(pilot, "7")
    await until_text(pilot, "This key may read the heads of the record only")
    await until_text(pilot, "this dashboard remembers it")
    assert isinstance(pilot.app.screen, AuditPage)
    assert "Export" not in text(pilot)
    await press(pilot, "right_square_bracket")
    await settled(pilot)
    assert "last head" in text(pilot)


async def test_everything_is_compared(gateway: Replay, audit: Pilot[None]) -> None:
    """An operator starts it, sees how far it is, and what differs first; the same key stops it, after a question."""

    def answer(state: str) -> None:
        gateway.answers[COMPARISONS] = {"verifications": [comparison(state)], "next_after": None}

    started, path = comparison("running"), "/api/v1/audit/verifications"
    gateway.answers[path] = started
    gateway.answers[f"{path}/{started['verification_id']}/cancel"] = comparison("cancelled")
    audit.app.screen.query_one(TabbedContent).active = "verify"
    await until_text(audit, "nothing differs, up to position 41")
    answer("running")
    await press(audit, "escape", "C")
    assert requests_of(gateway, "POST", path) == [{"files": "sizes"}]
    await until_text(audit, "10 of 40 commits")
    await press(audit, "C", "n")
    assert not requests_of(gateway, "POST", f"{path}/{started['verification_id']}/cancel")
    await press(audit, "C")  # while the dialog is open the progress is not asked for
    answer("cancelled")
    await press(audit, "y")
    await until_text(audit, "ben stopped it")
    answer("differs")
    await press(audit, "ctrl+r")
    await until_text(audit, "something differs")
    assert "position 5, job" in text(audit)
    assert "the archive has none" in text(audit)


async def test_a_comparison_is_for_operators(gateway: Replay, audit: Pilot[None]) -> None:
    """A key of one tenant is offered none, and its dashboard asks for none."""
    gateway.answers["/api/v1/whoami"] |= {"every_tenant": False}
    await press(audit, "ctrl+r")
    audit.app.screen.query_one(TabbedContent).active = "verify"
    await press(audit, "escape", "C")
    assert "everything" not in text(audit)
    assert not requests_of(gateway, "POST", "/api/v1/audit/verifications")
    assert not requests_of(gateway, "GET", "/api/v1/audit/verifications")
