"""The connection's own header parser agrees with the client's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client

from kinolog.adapters.jetstream.connection import Connection

names = st.text("ABCabc0123456789-_", min_size=1, max_size=20)
values = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x1c\x1d\x1e\x85\u2028\u2029"), max_size=30
)


@given(st.dictionaries(names, values, max_size=8))
def test_headers_are_parsed_as_the_client_does(headers: dict[str, str]) -> None:
    """Any headers that can be sent are read the same way."""
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    parsed = Connection._parse_header_lines(raw + b"\r\n")
    theirs = Client._parse_header_lines(raw + b"\r\n")
    assert parsed.keys() == theirs.keys()
    assert {name: value.strip() for name, value in theirs.items()} == parsed
