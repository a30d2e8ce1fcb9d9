"""Channels and positions without a connection."""

from __future__ import annotations

import json
from typing import Any

from kinolog_client import LiveError, parse_update
from kinolog_client.live.session import LiveSession

JOB = "a" * 26


def sent(session: LiveSession) -> list[dict[str, Any]]:
    """What the session has to send, without pings."""
    messages = [json.loads(text) for text in session.take_outgoing()]
    return [message for message in messages if message["type"] != "ping"]


def message(kind: str, position: int, **data: Any) -> str:
    """A message of the gateway about a job."""
    return json.dumps({"type": kind, "position": position, "job_id": JOB, "data": data})


def test_a_new_connection_begins_after_the_greatest_position() -> None:
    """Commits are resumed by position, lines by sequence; pongs and errors do not count."""
    session = LiveSession()
    session.subscribe("jobs")
    session.subscribe(f"logs:{JOB}")
    session.on_connected()
    assert [("after" in message) for message in sent(session)] == [False, False]
    session.on_text(message("job_status_update", 7))
    session.on_text(message("job_status_update", 5))
    session.on_text(message("job_log_entry", 9, sequence=3))
    session.on_text(message("error", 11, reason="MALFORMED_MESSAGE"))
    assert session.on_text(message("pong", 12)) is None
    session.on_disconnected()
    session.on_connected()
    assert [message["after"] for message in sent(session)] == [7, 3]


def test_a_replaced_log_begins_without_a_position() -> None:
    """A position ahead of the log is forgotten, and the channel subscribed to again."""
    session = LiveSession(position=900)
    session.subscribe("jobs")
    session.on_connected()
    assert sent(session)[0]["after"] == 900
    session.on_text(message("error", 900, reason="POSITION_AHEAD", channel="jobs"))
    assert sent(session) == [{"type": "subscribe", "channel": "jobs"}]
    assert session.position is None


def test_channels_change_while_connected() -> None:
    """A channel that is added or removed is sent at once, and only while there is a connection."""
    session = LiveSession()
    session.subscribe("queue")
    assert sent(session) == []
    session.on_connected()
    sent(session)
    session.subscribe(f"logs:{JOB}", 4)
    session.unsubscribe("queue")
    assert sent(session) == [
        {"type": "subscribe", "channel": f"logs:{JOB}", "after": 4},
        {"type": "unsubscribe", "channel": "queue"},
    ]
    session.on_disconnected()
    session.unsubscribe(f"logs:{JOB}")
    assert sent(session) == []


def test_what_is_no_message_is_passed_over() -> None:
    """Text that is no JSON object, and types that are not known here, change nothing."""
    session = LiveSession()
    for text in ("", "[]", "{", '{"type": []}', '{"data": null}'):
        session.on_text(text)
    assert session.position is None
    assert parse_update({"type": "job_dreamt", "position": 1, "data": {}}) is None


def test_a_message_of_another_form_is_an_error() -> None:
    """A known type that cannot be read becomes an error instead of being lost."""
    for kind, data in (("job_completed", {}), ("queue_updated", None), ("job_preview", {"image": "%"})):
        update = parse_update({"type": kind, "position": 1, "data": data})
        assert isinstance(update, LiveError)
        assert update.reason == "UNREADABLE_MESSAGE"
        assert kind in update.message
    assert isinstance(parse_update({"type": "job_completed"}), LiveError)
