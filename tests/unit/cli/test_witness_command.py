"""`kinolog audit witness`: it follows a file or a stream of heads, and remembers the last one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kinolog.merkle.witness import PublishedHead
from kinolog_cli.app import app
from kinolog_cli.audit.complaints import Complaint, complain
from tests.fixtures.threads import background_thread
from tests.unit.merkle.published_heads import published, rewritten

HEADS = published([3, 8, 20])


class Copy:
    """A copy of the file of heads, and what a witness remembers of it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "heads.log"
        self.state = folder / "state.json"

    def write(self, heads: Sequence[PublishedHead], rest: str = "") -> None:
        """Write the file."""
        self.file.write_text("".join(f"{head.line}\n" for head in heads) + rest, encoding="utf-8")

    def witness(self, *options: str, heads: str = "", text: str | None = None) -> Result:
        """Run the command."""
        arguments = ["audit", "witness", heads or str(self.file), "--state", str(self.state), *options]
        return CliRunner().invoke(app, arguments, input=text)


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy in a new folder."""
    return Copy(tmp_path)


def test_new_heads_are_accepted(copy: Copy) -> None:
    """A line that is cut off is there again the next time."""
    copy.write(HEADS[:1], HEADS[1].line[:100])
    assert json.loads(copy.witness("--json").stdout)["number"] == 1
    copy.write(HEADS)
    done = copy.witness()
    assert done.exit_code == 0
    assert "Nothing was changed up to head 3: 20 commits of kinolog-log/" in done.stdout
    assert copy.state.read_text("utf-8") == f"{HEADS[2].line}\n"


def test_a_stream_is_followed(copy: Copy) -> None:
    copy.write(HEADS[:2])
    copy.witness()
    done = copy.witness(heads="-", text=f"{HEADS[2].line}\n")
    assert done.exit_code == 0
    assert copy.state.read_text("utf-8") == f"{HEADS[2].line}\n"


def test_a_rewritten_history_is_refused(copy: Copy) -> None:
    """What the witness remembers stays the last head that was right."""
    copy.write(HEADS[:2])
    copy.witness()
    copy.write([*HEADS[:2], published([3, 8, 20], rewritten(5))[2]])
    for _ in range(2):
        done = copy.witness()
        assert done.exit_code == 1
        assert "history was rewritten: head 3 contradicts head 2" in " ".join(done.output.split())
    assert copy.state.read_text("utf-8") == f"{HEADS[1].line}\n"


def test_heads_that_were_taken_back(copy: Copy) -> None:
    copy.write(HEADS)
    copy.witness()
    copy.write(HEADS[:1])
    done = copy.witness()
    assert done.exit_code == 1
    assert "heads were taken back" in " ".join(done.output.split())


def test_what_cannot_be_read(copy: Copy) -> None:
    assert copy.witness().exit_code == 2
    copy.write([])
    assert "has no head of a tree" in copy.witness().output
    copy.write(HEADS)
    assert copy.witness().exit_code == 0
    assert copy.witness(heads="-", text="").exit_code == 2  # such as of an ssh that failed
    copy.state.write_text("nothing", encoding="utf-8")
    refused = " ".join(copy.witness().output.split())
    assert "this is no head of a tree" in refused
    assert copy.state.name in refused


def test_a_complaint_that_cannot_be_sent_keeps_the_token_of_the_address(copy: Copy) -> None:
    """Neither an address without a server nor one that refuses shows user, password or query."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with refusing_server() as refusing_port:
        for address in (port, refusing_port):
            secret = f"http://user:secret-one@127.0.0.1:{address}/hook?token=secret-two"
            complaint = Complaint(text="history was rewritten", state=copy.state)
            (said,) = complain(complaint, webhook=secret, command="")
            assert f"the complaint could not be sent to http://127.0.0.1:{address}/hook?…: " in said
            assert "secret" not in said
    assert "it answers 501 " in said


@contextmanager
def refusing_server() -> Iterator[int]:
    """Answer 501 to every request during the block. Yields the port."""
    handler = type("Refusing", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None})
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        background_thread(lambda _: server.serve_forever(poll_interval=0.01), "refusing server"),
    ):
        try:
            yield server.server_port
        finally:
            server.shutdown()
