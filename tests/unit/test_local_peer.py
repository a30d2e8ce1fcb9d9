"""Whose process is at the other end of a connection: this user's, another's, or nobody's."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest
from kinolog_api.rpc import call_origin
from kinolog_api.rpc.call_origin import OwnUserCalls

from kinolog.connections import local_peer
from kinolog.connections.local_peer import is_own_peer
from kinolog.v1 import access_service_pb2 as pb
from tests.builders.call_metadata import bearer
from tests.builders.running_api import refused, running_api
from tests.fixtures.other_account import NEEDS_ROOT, socket_of_other_account
from tests.unit.gateway.conftest import running_gateway


@pytest.fixture(params=["127.0.0.1", "::1"])
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    """A server on loopback."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.create_server((request.param, 0), family=family) as listening:
        yield listening


def test_connections_of_this_user_and_of_nobody(server: socket.socket) -> None:
    """A connection of this process is its own. One whose other end is closed is nobody's."""
    client = socket.create_connection(server.getsockname()[:2])
    accepted, _ = server.accept()
    peer, own = accepted.getpeername()[:2], accepted.getsockname()[:2]
    assert is_own_peer(peer, own)
    client.close()
    assert not is_own_peer(peer, own)
    accepted.close()
    assert not is_own_peer((peer[0], 1), own)
    assert is_own_peer(("no address", 1), own), "where nothing can be asked, nobody is refused"


def test_the_socket_to_the_kernel_is_opened_again(server: socket.socket) -> None:
    """It stays open between questions. One that broke, or holds the answer to an earlier question, is replaced."""
    with socket.create_connection(server.getsockname()[:2]) as client:
        accepted, _ = server.accept()
        with accepted:
            peer, own = client.getsockname()[:2], accepted.getsockname()[:2]
            question = local_peer._QUESTION
            assert is_own_peer(peer, own)
            opened = question._descriptor
            assert is_own_peer(peer, own)
            assert question._descriptor == opened
            with open(os.devnull, "r+b") as nothing:
                os.dup2(nothing.fileno(), opened)
            assert is_own_peer(peer, own)
            assert not is_own_peer((peer[0], 1), own)
            question._sequence += 1
            os.write(question._descriptor, b"".join(_earlier_question(question)))
            assert is_own_peer(peer, own)
            assert not is_own_peer((peer[0], 1), own)


def _earlier_question(question: local_peer._OpenQuestion) -> Iterator[bytes]:
    """Yield the parts of a message that the kernel refuses, with the number of an earlier one."""
    yield local_peer._HEADER.pack(
        local_peer._HEADER.size, local_peer.SOCK_DIAG_BY_FAMILY, 1, question._sequence, 0
    )


@NEEDS_ROOT
def test_a_connection_of_another_account(server: socket.socket) -> None:
    """A socket of another account is not this user's. For that account, one of root is admitted."""
    with socket_of_other_account(server.family) as client:
        client.connect(server.getsockname()[:2])
        accepted, _ = server.accept()
        with accepted:
            peer, own = accepted.getpeername()[:2], accepted.getsockname()[:2]
            assert not is_own_peer(peer, own)
            os.seteuid(65534)
            try:
                assert is_own_peer(peer, own)
                assert is_own_peer(own, peer), "the other end is root's"
            finally:
                os.seteuid(0)


@NEEDS_ROOT
async def test_a_gateway_without_keys_serves_one_account() -> None:
    """Another account needs a key, health does not; with `no_auth` everyone on the machine is admitted."""
    async with running_api(own_user_only=True) as api:
        for no_auth, status in ((False, b"401"), (True, b"200")):
            async with running_gateway(api.target, no_auth=no_auth) as gateway:
                assert (await gateway.client.get("/api/v1/models")).status_code == 200
                assert status in await _answer(gateway.url, "/api/v1/models")
                assert b"200" in await _answer(gateway.url, "/health")
                created = (await api.access.CreateKey(pb.CreateKeyRequest(actor="ada"))).secret
                assert b"200" in await _answer(gateway.url, "/api/v1/models", created)


async def _answer(url: str, path: str, key: str = "") -> bytes:
    """Return the first line of what the gateway answers another account."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket_of_other_account(socket.AF_INET) as client:
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=client)
        presented = f"Authorization: Bearer {key}\r\n" if key else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{presented}Connection: close\r\n\r\n".encode())
        line = await reader.readline()
        await reader.read()
        writer.close()
        await writer.wait_closed()
    return line


async def test_an_api_without_keys_serves_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call of another account needs a key."""
    async with running_api(own_user_only=True) as api:
        created = (await api.access.CreateKey(pb.CreateKeyRequest(actor="ada"))).secret
        monkeypatch.setattr(call_origin, "is_own_peer", lambda peer, own: False)
        problem = await refused(api.access.WhoAmI(pb.WhoAmIRequest()))
        assert problem.reason == "KEY_REQUIRED"
        assert "KINOLOG_NO_AUTH" in problem.message
        assert (await api.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(created))).actor == "ada"
    assert OwnUserCalls("localhost", 1)._hosts == OwnUserCalls("::1", 1)._hosts
