"""API keys: scopes, expiry, revocation, and who may manage them, over a real connection."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.timestamp_pb2 import Timestamp
from kinolog_api.access import manage_keys
from kinolog_api.rpc.authentication import ACTOR_KEY, TENANT_KEY
from kinolog_api.rpc.scopes import NEEDS

import kinolog.v1
from kinolog.access.api_key import ALL_SCOPES, Scope
from kinolog.access.key_text import key_digest
from kinolog.codec.access import SCOPE_TO_PROTO, scopes_from_proto
from kinolog.connections.named_client import CLIENT_ADDRESS_KEY
from kinolog.process.api_keys import KeyHolder
from kinolog.process.logs import TextLines
from kinolog.v1 import access_pb2, job_pb2
from kinolog.v1 import access_service_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs
from tests.builders.call_metadata import bearer
from tests.builders.refusals import refusals
from tests.builders.running_api import PROMPT, RunningApi, refused, running_api
from tests.fixtures.waits import until_true

OPERATOR, TEAM = "operator-key-0123456789", "team-key-0123456789"
FILE_KEYS = {
    key_digest(OPERATOR): KeyHolder(),
    key_digest(TEAM): KeyHolder(tenant="team", actor="robot"),
}
NEVER = Timestamp(seconds=1_000)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api with a key file."""
    async with running_api(FILE_KEYS) as running:
        yield running


async def created(api: RunningApi, *scopes: Scope, by: str = OPERATOR, **fields: Any) -> pb.CreateKeyResponse:
    """Create a key of the tenant `studio`, or of the one in `fields`."""
    request = pb.CreateKeyRequest(
        **{"tenant": "studio", "actor": "ada", "scopes": map(SCOPE_TO_PROTO.__getitem__, scopes)} | fields
    )
    return await api.access.CreateKey(request, metadata=bearer(by))


async def submit(api: RunningApi, key: str) -> job_pb2.Job:
    """Submit a job with a key."""
    return (await api.jobs.SubmitJob(jobs.SubmitJobRequest(prompt=PROMPT), metadata=bearer(key))).job


async def watching(api: RunningApi, key: str) -> Any:
    """Return a stream of updates that has begun."""
    await submit(api, key)
    stream = api.jobs.WatchJobs(jobs.WatchJobsRequest(after=0), metadata=bearer(key))
    await anext(aiter(stream))
    return stream


def methods() -> Iterator[MethodDescriptor]:
    """Yield every method of every service in the proto files."""
    for module in pkgutil.iter_modules(kinolog.v1.__path__):
        if module.name.endswith("_service_pb2"):
            for service in import_module(f"kinolog.v1.{module.name}").DESCRIPTOR.services_by_name.values():
                yield from service.methods


def call_of(api: RunningApi, method: MethodDescriptor, key: str) -> Any:
    """Call a method with an empty request."""
    kind = ("stream" if method.client_streaming else "unary") + (
        "_stream" if method.server_streaming else "_unary"
    )
    path = f"/{method.containing_service.full_name}/{method.name}"
    return getattr(api.channel, kind)(path)(
        iter(()) if method.client_streaming else b"", metadata=bearer(key)
    )


async def test_every_method_needs_its_scope(api: RunningApi) -> None:
    """A key with every other scope is refused by each method, with the name of the scope that it lacks."""
    lacking = {scope: (await created(api, *(ALL_SCOPES - {scope}))).secret for scope in Scope}
    walked = list(methods())
    assert {method.full_name for method in walked} == NEEDS.keys()
    for method in walked:
        need = NEEDS[method.full_name]
        if isinstance(need, Scope):
            problem = await refused(call_of(api, method, lacking[need]))
            assert (problem.code, problem.reason, problem.metadata) == (
                grpc.StatusCode.PERMISSION_DENIED,
                "SCOPE_MISSING",
                {"scope": need.value},
            ), method.full_name
            assert f"the scope {need.value}" in problem.message


async def test_a_reproduction_needs_read_too(api: RunningApi) -> None:
    """The new job shows what the original does, so a key that only submits makes none."""
    key = (await created(api, Scope.SUBMIT)).secret
    again = jobs.ReproduceJobRequest(job_id="a" * 26)
    problem = await refused(api.jobs.ReproduceJob(again, metadata=bearer(key)))
    assert (problem.reason, problem.metadata) == ("SCOPE_MISSING", {"scope": "read"})


async def test_a_key_is_its_holder(api: RunningApi) -> None:
    """A created key has one tenant, one actor and its scopes, whatever the metadata say."""
    answer = await created(api, name="nightly")
    assert answer.secret.startswith(f"kino_{answer.key.key_id}_")
    known = await api.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(answer.secret, (ACTOR_KEY, "eve")))
    assert (known.tenant, known.actor, known.key_id, known.every_tenant) == (
        "studio",
        "ada",
        answer.key.key_id,
        False,
    )
    assert scopes_from_proto(known.scopes) == ALL_SCOPES - {Scope.ADMIN}
    job = (await api.jobs.SubmitJob(jobs.SubmitJobRequest(prompt=PROMPT), metadata=bearer(answer.secret))).job
    assert (job.tenant, job.actor) == ("studio", "ada")
    problem = await refused(
        api.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(answer.secret, (TENANT_KEY, "team")))
    )
    assert problem.reason == "OTHER_TENANT"
    for wrong in (answer.secret[:-1], answer.secret[:-1] + "?", f"{answer.secret[:-4]}aaaa"):
        problem = await refused(api.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(wrong)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_REQUIRED")
    assert not any(answer.secret[-32:].encode() in raw for raw in api.access_log.stored)
    await until_true(lambda: answer.key.key_id in api.key_uses.uses, "the use is noted")
    (listed,) = (
        await api.access.ListKeys(pb.ListKeysRequest(tenant="studio"), metadata=bearer(OPERATOR))
    ).keys
    assert listed.HasField("last_used_at")
    assert (listed.name, listed.created_by, listed.actor) == ("nightly", "anonymous", "ada")


async def test_a_revoked_key_ends_at_once(api: RunningApi, caplog: pytest.LogCaptureFixture) -> None:
    """Calls and open streams of a revoked key are UNAUTHENTICATED, those of the holder's other key go on."""
    caplog.set_level(logging.INFO)
    first, second = await created(api), await created(api)
    streams = [await watching(api, key.secret) for key in (first, second)]
    origin = (CLIENT_ADDRESS_KEY, "192.0.2.7")
    request = pb.RevokeKeyRequest(key_id=first.key.key_id)
    revoked = (await api.access.RevokeKey(request, metadata=bearer(OPERATOR, origin))).key
    assert revoked.HasField("revoked_at")
    assert (await api.access.RevokeKey(request, metadata=bearer(OPERATOR))).key == revoked
    problem = await refused(streams[0])
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_REVOKED")
    problem = await refused(api.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(first.secret)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_REVOKED")
    await submit(api, second.secret)
    await anext(aiter(streams[1]))
    streams[1].cancel()
    lines = [TextLines("api").format(record) for record in caplog.records]
    for action in ("key_created", "key_revoked", "call_refused"):
        assert any(f"action={action}" in line and first.key.key_id in line for line in lines), action
    assert any("action=key_revoked" in line and "client=192.0.2.7" in line for line in lines)
    assert not any(first.secret[-32:] in line for line in lines)


async def test_another_api_knows_the_same_keys(api: RunningApi) -> None:
    """A key and its revocation are known to every api over the same stream."""
    answer = await created(api)
    async with running_api(FILE_KEYS, stores_of=api) as other:
        who = pb.WhoAmIRequest()
        known = other.server._key_directory
        await until_true(lambda: known.by_id(answer.key.key_id), "the other api knows the key")
        assert (await other.access.WhoAmI(who, metadata=bearer(answer.secret))).tenant == "studio"
        stream = other.jobs.WatchJobs(jobs.WatchJobsRequest(), metadata=bearer(answer.secret))
        await api.access.RevokeKey(pb.RevokeKeyRequest(key_id=answer.key.key_id), metadata=bearer(OPERATOR))
        assert (await refused(stream)).reason == "KEY_REVOKED"


@pytest.mark.parametrize("name", ["SubmitJob", "WatchJobs"])
async def test_a_key_is_revoked_while_the_request_arrives(api: RunningApi, name: str) -> None:
    """A call whose key ends before its request is there is refused, be its answer a message or a stream."""
    answer = await created(api)
    key_id, known = answer.key.key_id, api.server._key_directory
    channel: Any = api.channel
    call = channel.stream_stream(f"/kinolog.v1.JobService/{name}")(metadata=bearer(answer.secret))
    await until_true(lambda: known._ends.get(key_id), "the api waits for the request")
    await api.access.RevokeKey(pb.RevokeKeyRequest(key_id=key_id), metadata=bearer(OPERATOR))
    assert (await refused(call)).reason == "KEY_REVOKED"
    assert not known._ends


async def test_a_key_expires(api: RunningApi) -> None:
    """A key ends at its time, and with it its streams. An end in the past is refused."""
    soon = api.clock.now + timedelta(seconds=30)
    answer = await created(api, expires_at=soon)
    api.clock.now += timedelta(seconds=60)
    problem = await refused(api.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(answer.secret)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_EXPIRED")
    late = await created(api, expires_at=api.clock.now + timedelta(seconds=3))
    ending = api.jobs.WatchJobs(jobs.WatchJobsRequest(), metadata=bearer(late.secret))
    assert "and with it this call" in (await refused(ending)).message
    request = pb.CreateKeyRequest(actor="ada", expires_at=NEVER)
    assert "expires_at" in (await refused(api.access.CreateKey(request, metadata=bearer(OPERATOR)))).fields


async def test_who_manages_which_keys(api: RunningApi) -> None:
    """An admin manages the keys of its tenant, an operator those of all. Others' keys are not found."""
    admin = (await created(api, *Scope)).secret
    own = await created(api, by=admin, tenant="", actor="grace")
    assert (own.key.tenant, own.key.created_by) == ("studio", "ada")
    for tenant in ("team", "*"):
        problem = await refused(created(api, by=admin, tenant=tenant))
        assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "OTHER_TENANT")
    foreign = await created(api, tenant="team")
    for key_id in (foreign.key.key_id, "a" * 12):
        request = pb.RevokeKeyRequest(key_id=key_id)
        problem = await refused(api.access.RevokeKey(request, metadata=bearer(admin)))
        assert (problem.code, problem.reason) == (grpc.StatusCode.NOT_FOUND, "KEY_NOT_FOUND")
    problem = await refused(created(api, by=TEAM, tenant="team"))
    assert problem.metadata == {"scope": "admin"}, "a key of the file with a tenant creates no keys"
    narrow = (await created(api, Scope.ADMIN, Scope.READ)).secret
    assert (await created(api, Scope.READ, by=narrow, tenant="")).key.tenant == "studio"
    for scopes, lacking in (((Scope.READ, Scope.CANCEL), "cancel"), ((), "audit, cancel, submit")):
        problem = await refused(created(api, *scopes, by=narrow, tenant=""))
        assert (problem.code, problem.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
        assert problem.metadata == {"scope": lacking}
    every = await created(api, *Scope, tenant="*")
    known = await api.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(every.secret, (TENANT_KEY, "team")))
    assert (known.tenant, known.every_tenant) == ("team", True)

    async def listed(key: str, **fields: Any) -> list[str]:
        answer = await api.access.ListKeys(pb.ListKeysRequest(**fields), metadata=bearer(key))
        return [key.actor + "@" + key.tenant for key in answer.keys]

    assert await listed(admin) == [*["ada@studio"] * 2, "grace@studio", "ada@studio"]
    assert await listed(OPERATOR) == ["ada@*", *["ada@studio"] * 2, "ada@team", "grace@studio", "ada@studio"]
    await api.access.RevokeKey(pb.RevokeKeyRequest(key_id=own.key.key_id), metadata=bearer(admin))
    assert await listed(admin) == ["ada@studio"] * 3
    assert await listed(admin, include_ended=True) == [*["ada@studio"] * 2, "grace@studio", "ada@studio"]


async def test_keys_are_listed_in_pages(api: RunningApi) -> None:
    """A page ends with the token of the next, which another query refuses."""
    made = [(await created(api)).key.key_id for _ in range(3)]
    first = await api.access.ListKeys(pb.ListKeysRequest(page_size=2), metadata=bearer(OPERATOR))
    assert [key.key_id for key in first.keys] == made[:0:-1]
    rest = pb.ListKeysRequest(page_size=2, page_token=first.next_page_token)
    second = await api.access.ListKeys(rest, metadata=bearer(OPERATOR))
    assert ([key.key_id for key in second.keys], second.next_page_token) == (made[:1], "")
    other = pb.ListKeysRequest(tenant="team", page_token=first.next_page_token)
    assert (await refused(api.access.ListKeys(other, metadata=bearer(OPERATOR)))).reason == "BAD_PAGE_TOKEN"


async def test_a_tenant_has_a_limited_number_of_keys(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant with as many live keys as it may have revokes one first."""
    monkeypatch.setattr(manage_keys, "MAX_LIVE_KEYS", 2)
    key = (await created(api)).key
    assert await refusals(created(api) for _ in range(3)) == ["TOO_MANY_KEYS"] * 2
    problem = await refused(created(api))
    assert (problem.code, problem.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_MANY_KEYS")
    await api.access.RevokeKey(pb.RevokeKeyRequest(key_id=key.key_id), metadata=bearer(OPERATOR))
    await created(api)


async def test_a_damaged_stream_makes_no_key_valid() -> None:
    """If a fact about keys is lost, created keys wait for the restore; those of the file go on."""
    async with running_api(FILE_KEYS) as api:
        answer = await created(api)
        api.access_log.stored[0] = b"\x0a\x03bad"
        async with running_api(FILE_KEYS, stores_of=api) as other:
            await until_true(lambda: other.server._key_directory.problem, "the damage is found")
            problem = await refused(other.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(answer.secret)))
            assert problem.reason in ("KEY_REQUIRED", "KEYS_UNAVAILABLE")
            assert (await other.access.WhoAmI(pb.WhoAmIRequest(), metadata=bearer(OPERATOR))).every_tenant


async def test_without_a_key_file(caplog: pytest.LogCaptureFixture) -> None:
    """On loopback without a key file anyone may create keys. A created key that is presented counts, or is refused."""
    async with running_api() as api:
        request = pb.CreateKeyRequest(tenant="studio", actor="ada", scopes=[access_pb2.SCOPE_READ])
        answer = await api.access.CreateKey(request)
        assert (await api.access.WhoAmI(pb.WhoAmIRequest())).every_tenant
        submit = jobs.SubmitJobRequest(prompt=PROMPT)
        assert (await refused(api.jobs.SubmitJob(submit, metadata=bearer(answer.secret)))).metadata == {
            "scope": "submit"
        }
        assert (await api.jobs.SubmitJob(submit, metadata=bearer("sk-anything"))).job.tenant == "default"
        await api.access.RevokeKey(pb.RevokeKeyRequest(key_id=answer.key.key_id))
        problem = await refused(api.jobs.ListJobs(jobs.ListJobsRequest(), metadata=bearer(answer.secret)))
        assert problem.reason == "KEY_REVOKED"
