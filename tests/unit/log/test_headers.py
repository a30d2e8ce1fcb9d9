"""The faster header methods of the connection give the same results as those of the client."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from kinolog.adapters.jetstream.client.connection import Connection
from kinolog.adapters.jetstream.client.headers import MessageHeaders

names = st.text("ABCabc0123456789-_", min_size=1, max_size=20)
values = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x1c\x1d\x1e\x85\u2028\u2029"), max_size=30
)


@given(st.dictionaries(names, values, max_size=8))
def test_headers_are_parsed_as_the_client_does(headers: dict[str, str]) -> None:
    """Any headers that can be sent are parsed the same way."""
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    parsed = Connection._parse_header_lines(raw + b"\r\n")
    theirs = Client._parse_header_lines(raw + b"\r\n")
    assert parsed.keys() == theirs.keys()
    assert {name: value.strip() for name, value in theirs.items()} == parsed


@given(st.dictionaries(names, values, min_size=1, max_size=8), st.lists(names, max_size=3))
def test_headers_that_are_asked_for_are_those_of_the_client(
    headers: dict[str, str], others: list[str]
) -> None:
    """What is decoded when it is asked for is what the client decodes at once. Of a name twice the last counts."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    block = f"NATS/1.0\r\nTwice: 1\r\n{lines}Twice: 2\r\n\r\n".encode()
    ours = asyncio.run(Connection()._process_headers(block))
    theirs = asyncio.run(Client()._process_headers(block))
    assert isinstance(ours, MessageHeaders)
    expected = {name: value.strip() for name, value in (theirs or {}).items()}
    assert dict(ours) == expected
    assert len(ours) == len(expected)
    for name in (*headers, *others, "Twice"):
        assert ours.get(name) == expected.get(name)
        assert (name in ours) == (name in expected)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"NATS/1.0\r\n\r\n",
        b"NATS/1.0 503\r\n\r\n",
        b"NATS/1.0 404 No Messages\r\n\r\n",
        b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 1016\r\n\r\n",
    ],
)
def test_statuses_are_read_by_the_client(block: bytes) -> None:
    """A status, and no headers, are what the client makes of them."""
    ours = asyncio.run(Connection()._process_headers(block))
    assert ours == asyncio.run(Client()._process_headers(block))


class Recorder(Connection):
    """Records the bytes instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        self.sent += cmd


@given(
    st.text("abc.*", min_size=1, max_size=30),
    st.sampled_from(["", "inbox.1"]),
    st.binary(max_size=40),
    st.none() | st.dictionaries(names, values | st.sampled_from(["two\r\nlines", "a\nb"]), max_size=5),
)
def test_messages_are_sent_as_the_client_does(
    subject: str, reply: str, payload: bytes, headers: dict[str, str] | None
) -> None:
    """Any message is the same bytes on the wire, except for blanks around a header's value."""
    ours, theirs = Recorder(), Recorder()
    stripped = headers and {name: value.strip() for name, value in headers.items()}
    asyncio.run(ours._send_publish(subject, reply, payload, len(payload), stripped))
    asyncio.run(Client._send_publish(theirs, subject, reply, payload, len(payload), stripped))
    assert ours.sent == theirs.sent
    assert ours.stats == theirs.stats
