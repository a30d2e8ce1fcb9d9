"""API keys through the gateway: a real gateway before a real api over memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kinolog_api.rpc.authentication import file_keys_for
from kinolog_gateway.http import callers as callers_module
from kinolog_gateway.http.credentials import keys_for
from kinolog_gateway.live import session
from typer.testing import CliRunner
from websockets.exceptions import InvalidStatus

from kinolog.process.api_keys import read_keys
from kinolog.process.logs import TextLines
from kinolog.v1 import access_service_pb2 as pb
from kinolog_cli.app import app
from kinolog_client import AsyncKinologClient, CreatedKeyInfo, Forbidden, NotFound, Unauthorized
from tests.builders.running_api import PROMPT, RunningApi, running_api
from tests.fixtures.waits import WAIT_SECONDS
from tests.unit.gateway.conftest import RunningGateway, running_gateway
from tests.unit.gateway.event_source import listening
from tests.unit.gateway.ws_client import connected

OPERATOR = "operator-key-0123456789"


@dataclass(frozen=True)
class Installation:
    """A gateway, its api, and a client with a key of every tenant."""

    api: RunningApi
    gateway: RunningGateway
    operator: AsyncKinologClient

    def client(self, key: str) -> AsyncKinologClient:
        """Return a client with a key."""
        return AsyncKinologClient(self.gateway.url, key)

    async def created(self, *scopes: str, **fields: Any) -> CreatedKeyInfo:
        """Create a key of the tenant `studio`."""
        return await self.operator.create_key("ada", scopes=scopes, **{"tenant": "studio"} | fields)


@pytest.fixture
async def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """An installation with a key file. Answers are remembered shortly, and connections are checked often."""
    monkeypatch.setattr(callers_module, "REMEMBERED_SECONDS", 0.05)
    monkeypatch.setattr(session, "KEY_CHECK_SECONDS", 0.05)
    file = tmp_path / "keys"
    file.write_text(f"{OPERATOR} *\n")
    async with (
        running_api(read_keys(file)) as api,
        running_gateway(api.target, file) as gateway,
        client_of(gateway, OPERATOR) as operator,
    ):
        yield Installation(api, gateway, operator)


@asynccontextmanager
async def client_of(gateway: RunningGateway, key: str) -> AsyncIterator[AsyncKinologClient]:
    """Open a client with a key."""
    async with AsyncKinologClient(gateway.url, key) as client:
        yield client


async def test_a_key_from_its_creation_to_its_end(
    here: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    """A key is created, shown once, listed, used within its scopes, and refused from its revocation on."""
    caplog.set_level(logging.INFO)
    created = await here.created("submit", "read", name="nightly")
    async with client_of(here.gateway, created.secret) as client:
        who = await client.who_am_i()
        assert (who.tenant, who.actor, who.scopes, who.key_id) == (
            "studio",
            "ada",
            ("submit", "read"),
            created.key_id,
        )
        job = await client.generate(PROMPT)
        assert (await client.status(job.job_id)).actor == "ada"
        with pytest.raises(Forbidden, match="lacks the scope cancel") as refused:
            await client.cancel(job.job_id)
        assert refused.value.reason == "SCOPE_MISSING"
        with pytest.raises(Forbidden, match="lacks the scope admin"):
            await client.api_keys()
        (listed,) = (await here.operator.api_keys(tenant="studio")).keys
        assert (listed.name, listed.created_by, listed.revoked_at) == ("nightly", "anonymous", None)
        assert not hasattr(listed, "secret")
        assert (await here.operator.revoke_key(created.key_id)).revoked_at is not None
        await until_refused(client)
    assert (await here.operator.api_keys(tenant="studio")).keys == ()
    (ended,) = (await here.operator.api_keys(tenant="studio", include_ended=True)).keys
    assert ended.revoked_by == "anonymous"
    with pytest.raises(NotFound):
        await here.operator.revoke_key("a" * 12)
    lines = [TextLines("gateway").format(record) for record in caplog.records]
    refusals = [line for line in lines if "action=login_refused" in line or "action=call_refused" in line]
    assert any(created.key_id in line and "client=127.0.0.1" in line for line in refusals)
    assert any("action=key_created" in line and "client=127.0.0.1" in line for line in lines)
    assert not any(created.secret[-32:] in line for line in lines)


async def until_refused(client: AsyncKinologClient) -> None:
    """Return once the gateway refuses the key of a client."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await client.models()
            except Unauthorized:
                return
            await asyncio.sleep(0.02)


async def test_a_websocket_ends_with_its_key(here: Installation) -> None:
    """A revoked key closes its connections with the reason. Another key of the tenant goes on with the same stream."""
    first, second = await here.created("read"), await here.created("read", "submit")
    async with (
        connected(here.gateway.ws_url, Authorization=f"Bearer {first.secret}") as ending,
        connected(here.gateway.ws_url, Authorization=f"Bearer {second.secret}") as staying,
        client_of(here.gateway, second.secret) as client,
        listening(here.gateway.client, "jobs", authorization=f"Bearer {first.secret}") as events,
    ):
        await events.started()
        for socket in (ending, staying):
            await socket.subscribe("jobs")
        await here.operator.revoke_key(first.key_id)
        await ending.socket.wait_closed()
        assert ending.socket.close_code == 1008
        assert "key" in (ending.socket.close_reason or "")
        with pytest.raises(StopAsyncIteration):
            await events.receive()
        job = await client.generate(PROMPT)
        message = await staying.receive_type("job_status_update")
        assert message["job_id"] == job.job_id
    with pytest.raises(InvalidStatus) as refused:
        async with connected(here.gateway.ws_url, Authorization=f"Bearer {first.secret}"):
            pass
    assert refused.value.response.status_code == 401


async def test_live_updates_need_the_scope_read(here: Installation) -> None:
    """A key that may only submit gets no live updates, although another key of its tenant has them open."""
    reader, writer = await here.created("read"), await here.created("submit")
    async with connected(here.gateway.ws_url, Authorization=f"Bearer {reader.secret}"):
        with pytest.raises(InvalidStatus) as refused:
            async with connected(here.gateway.ws_url, Authorization=f"Bearer {writer.secret}"):
                pass
        headers = {"Authorization": f"Bearer {writer.secret}"}
        stream = await here.gateway.client.get("/api/v1/live?channel=jobs", headers=headers)
    assert [refused.value.response.status_code, stream.status_code] == [403, 403]


async def test_the_api_is_asked_once(here: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests at the same time, and those a moment later, share one question to the api."""
    monkeypatch.setattr(callers_module, "REMEMBERED_SECONDS", 60.0)
    created = await here.created("read")
    callers = here.gateway.state.callers
    asked = []
    ask = callers.ask

    async def counted(key: str) -> Any:
        asked.append(key)
        return await ask(key)

    callers.ask = counted
    found = await asyncio.gather(*(callers.identify(created.secret, "192.0.2.7") for _ in range(20)))
    await callers.identify(created.secret)
    assert len(asked) == 1
    assert {(caller.tenant, caller.address) for caller in found} == {("studio", "192.0.2.7")}
    monkeypatch.setattr(callers_module, "MAX_REMEMBERED", 1)
    await callers.identify((await here.created("read")).secret)
    await callers.identify(created.secret)
    assert len(asked) == 3, "the oldest answer was forgotten"


async def test_the_command(here: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`kinolog keys` prints a created key alone on standard output, lists keys, and revokes by id or by the key."""
    monkeypatch.setenv("KINOLOG_DATA", str(tmp_path / "data"))

    async def kinolog(*arguments: str) -> Any:
        whole = ["--url", here.gateway.url, "--api-key", OPERATOR, "keys", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, app, whole)

    made = await kinolog("create", "ada", "--scope", "read", "--tenant", "studio", "--expires", "90d")
    assert made.exit_code == 0, made.output
    key = made.stdout.strip()
    assert key.startswith("kino_")
    assert len(key.split()) == 1
    assert "cannot be shown again" in made.stderr
    async with client_of(here.gateway, key) as client:
        assert (await client.who_am_i()).expires_at is not None
    listed = await kinolog("list", "--tenant", "studio")
    assert key[5:17] in listed.stdout
    assert key not in listed.stdout
    assert "is revoked" in (await kinolog("revoke", key)).stdout
    assert "there is no key" in (await kinolog("list", "--tenant", "studio")).stderr
    assert "revoked" in (await kinolog("list", "--tenant", "studio", "--all")).stdout
    for end in ("soon", "9999-12-31T23:59:59-12:00"):
        assert (await kinolog("create", "ada", "--expires", end)).exit_code == 2
    assert (await kinolog("create", "ada", "--scope", "everything")).exit_code != 0


async def test_a_gateway_without_keys() -> None:
    """On loopback without a key file anyone may create keys, and a created key that is presented counts."""
    async with running_api() as api, running_gateway(api.target) as gateway:
        async with client_of(gateway, "sk-anything") as client:
            created = await client.create_key("ada", scopes=["read"])
            assert (await client.who_am_i()).every_tenant
            await client.generate(PROMPT)
        async with client_of(gateway, created.secret) as client:
            await client.jobs()
            with pytest.raises(Forbidden):
                await client.generate(PROMPT)
        async with client_of(gateway, created.secret[:-1] + "?") as client:
            with pytest.raises(Unauthorized):
                await client.jobs()


async def test_keys_may_be_required_without_a_file() -> None:
    """With `require_key` only created keys are accepted, and other machines may be served."""
    keys = file_keys_for("0.0.0.0", None, require_key=True)
    assert keys_for("0.0.0.0", None, require_key=True)
    async with running_api() as first:
        created = (await first.access.CreateKey(pb.CreateKeyRequest(actor="ada"))).secret
        async with (
            running_api(keys, stores_of=first) as api,
            running_gateway(api.target, require_key=True) as gateway,
            client_of(gateway, created) as client,
            AsyncKinologClient(gateway.url, "sk-anything") as stranger,
        ):
            await until_known(client)
            with pytest.raises(Unauthorized):
                await stranger.models()
            assert await stranger.requires_key()


async def until_known(client: AsyncKinologClient) -> None:
    """Return once the gateway accepts the key of a client."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            try:
                await client.models()
            except Unauthorized:
                await asyncio.sleep(0.02)
            else:
                return
