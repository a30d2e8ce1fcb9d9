"""An api that listens on a port, over in-memory dependencies, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc import aio
from grpc_status import rpc_status
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.dependencies import ApiDependencies, InputLimits, ReadRules
from kinolog_api.identity_tokens.token_verifier import TokenVerifier
from kinolog_api.installation_secret import address_secret
from kinolog_api.rpc.access_tickets import load_ticket_sealer
from kinolog_api.rpc.authentication import Authenticator
from kinolog_api.server import ApiServer

from kinolog.command_handler import CommandHandler, HandledCommand
from kinolog.connections.tls import ServerCertificate
from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job.state import Job
from kinolog.job.values import Artifact, ArtifactKind, JobError, MediaFacts, Runtime
from kinolog.models.catalogue import TINY, Catalogue, ModelEntry
from kinolog.models.choices.render_defaults import RenderDefaults
from kinolog.ports.artifacts import StoreArea, job_folder
from kinolog.process.api_keys import KeyHolder
from kinolog.storyboard.prompt_writer import PromptWriter
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.v1 import (
    access_service_pb2_grpc,
    analytics_service_pb2_grpc,
    audit_service_pb2_grpc,
    job_pb2,
    job_service_pb2_grpc,
    ticket_service_pb2_grpc,
)
from kinolog.v1 import job_service_pb2 as pb
from kinolog.webhooks.address import AddressRules
from tests.adapters.memory.access_log import MemoryAccessLog, MemoryKeyUses
from tests.adapters.memory.alarms import MemoryAlarms
from tests.adapters.memory.artifacts import MemoryArtifacts
from tests.adapters.memory.event_store import MemoryEventStore
from tests.adapters.memory.keys import MemoryKeyStore
from tests.adapters.memory.progress import MemoryProgressFeed
from tests.adapters.memory.raw_log import MemoryRawLog
from tests.adapters.memory.read_log import MemoryReadHistory, MemoryReadLog
from tests.adapters.memory.read_model import MemoryReadModel
from tests.adapters.memory.webhook_history import MemoryWebhookHistory
from tests.adapters.memory.workers import MemoryWorkerRegistry
from tests.builders.api_stubs import method_of
from tests.builders.ticking_clock import TickingClock
from tests.fixtures.waits import WAIT_SECONDS

PROMPT = "a heron named Quillfeather stands in a pond"
LARGE = ModelEntry(
    name="large",
    source="/models/large",
    model_class="large",
    max_frames=81,
    max_steps=60,
    styles=("noir",),
    defaults=RenderDefaults(negative_prompt="blurry"),
)
CATALOGUE = Catalogue([TINY, LARGE], TINY.name)
MEDIA = MediaFacts(
    width=256,
    height=256,
    frames=17,
    fps=8.0,
    duration_seconds=2.125,
    codec="h264",
    pixel_format="yuv420p",
    frame_hash="f" * 64,
)
LIMITS = InputLimits()


@dataclass(slots=True)
class RpcProblem:
    """The error of a call, its details unpacked."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    domain: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    retry_seconds: float | None = None


def problem_of(error: aio.AioRpcError) -> RpcProblem:
    """Return the error of a call."""
    status = rpc_status.from_call(cast(Any, error))  # what is read of a call, its error has too
    problem = RpcProblem(error.code(), error.details() or "")
    for detail in status.details if status else ():
        info, bad, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            problem.reason, problem.domain, problem.metadata = info.reason, info.domain, dict(info.metadata)
        elif detail.Unpack(bad):
            problem.fields = {v.field: v.description for v in bad.field_violations}
        elif detail.Unpack(retry):
            problem.retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return problem


async def refused(call: Any) -> RpcProblem:
    """Return the error with which a call or a stream ends."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            if hasattr(call, "__aiter__"):
                async for _ in call:
                    pass
            else:
                await call
    except aio.AioRpcError as error:
        return problem_of(error)
    raise AssertionError("the call was not refused")


@dataclass(slots=True)
class RunningApi:
    """A running api with its dependencies, and a client of it."""

    server: ApiServer
    channel: aio.Channel
    target: str
    store: MemoryEventStore
    keys: MemoryKeyStore
    progress: MemoryProgressFeed
    workers: MemoryWorkerRegistry
    alarms: MemoryAlarms
    artifacts: MemoryArtifacts
    uploads: MemoryArtifacts
    read_model: MemoryReadModel
    clock: TickingClock
    access_log: MemoryAccessLog
    key_uses: MemoryKeyUses
    webhook_history: MemoryWebhookHistory
    read_log: MemoryReadLog

    @property
    def jobs(self) -> job_service_pb2_grpc.JobServiceAsyncStub:
        """A client of JobService."""
        return job_service_pb2_grpc.JobServiceStub(self.channel)

    @property
    def analytics(self) -> analytics_service_pb2_grpc.AnalyticsServiceAsyncStub:
        """A client of AnalyticsService."""
        return analytics_service_pb2_grpc.AnalyticsServiceStub(self.channel)

    @property
    def audit(self) -> audit_service_pb2_grpc.AuditServiceAsyncStub:
        """A client of AuditService."""
        return audit_service_pb2_grpc.AuditServiceStub(self.channel)

    @property
    def access(self) -> access_service_pb2_grpc.AccessServiceAsyncStub:
        """A client of AccessService."""
        return access_service_pb2_grpc.AccessServiceStub(self.channel)

    @property
    def tickets(self) -> ticket_service_pb2_grpc.TicketServiceAsyncStub:
        """A client of TicketService."""
        return ticket_service_pb2_grpc.TicketServiceStub(self.channel)

    def method(self, name: str) -> Any:
        """Return the method with this name of any service."""
        return method_of(self.channel, name)

    async def submit(self, prompt: str = PROMPT, **fields: Any) -> str:
        """Submit a job. Return its id."""
        return (await self.jobs.SubmitJob(pb.SubmitJobRequest(prompt=prompt, **fields))).job.id

    async def job(self, job_id: str) -> job_pb2.Job:
        """Read a job."""
        return (await self.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job

    async def key_id(self, job_id: str) -> str:
        """Return the id of the key that seals the job."""
        return (await self._job(job_id)).sealing_key_id

    async def folder(self, job_id: str) -> str:
        """Return the folder with the files of the job."""
        return job_folder((await self._job(job_id)).tenant, job_id)

    async def _job(self, job_id: str) -> Job:
        loaded = await self.store.load(job_id)
        assert loaded is not None
        return loaded.job

    async def key(self, job_id: str) -> bytes | None:
        """Return the key that seals the job; None once it is erased."""
        return await self.keys.get(await self.key_id(job_id))

    async def work(self, job_id: str, *commands: c.Command) -> HandledCommand:
        """Apply commands to a job as its worker does."""
        handler = CommandHandler(self.store, self.clock)
        for command in commands:
            handled = await handler.handle(job_id, command)
        return handled

    async def start_attempt(self, job_id: str, attempt: int = 1, worker: str = "w1") -> HandledCommand:
        """Start an attempt of a worker."""
        return await self.work(
            job_id, c.StartAttempt(id=new_id(), actor=worker, runtime=Runtime(hardware="test"))
        )

    async def complete(self, job_id: str, content: bytes = b"video bytes") -> Artifact:
        """Start an attempt and complete the job with a video of these bytes."""
        return await self.complete_with(job_id, await self.stored(job_id, content))

    async def complete_with(self, job_id: str, artifact: Artifact) -> Artifact:
        """Start an attempt and complete the job with a stored file."""
        await self.start_attempt(job_id)
        await self.work(
            job_id,
            c.Complete(
                id=new_id(), actor="w1", attempt=1, artifacts=(artifact,), media=MEDIA, gpu_seconds=1.5
            ),
        )
        return artifact

    def shared_file(self, content: bytes) -> Artifact:
        """Store a video as an earlier version did: for all jobs that make the same bytes."""
        digest = sha256(content).hexdigest()
        key = f"sha256/{digest[:2]}/{digest[2:]}.mp4"
        self.artifacts._artifacts[key] = content
        return Artifact(
            kind=ArtifactKind.VIDEO, key=key, sha256=digest, size_bytes=len(content), media_type="video/mp4"
        )

    async def fail(self, job_id: str) -> HandledCommand:
        """Start an attempt and fail the job permanently."""
        await self.start_attempt(job_id)
        error = JobError(code="OUT_OF_MEMORY", message="the device has too little memory", retryable=False)
        return await self.work(
            job_id, c.FailAttempt(id=new_id(), actor="w1", attempt=1, error=error, retry_at=self.clock())
        )

    async def stored(self, job_id: str, content: bytes, kind: ArtifactKind = ArtifactKind.VIDEO) -> Artifact:
        """Store a file of a job in the artifact store."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        staged = await self.artifacts.stage(chunks(), await self.folder(job_id))
        stored = await self.artifacts.commit(staged, ".mp4")
        key, digest, size_bytes = stored.key, stored.sha256, stored.size_bytes
        return Artifact(kind=kind, key=key, sha256=digest, size_bytes=size_bytes, media_type="video/mp4")


@asynccontextmanager
async def running_api(
    file_keys: Mapping[bytes, KeyHolder] | None = None,
    stores_of: RunningApi | None = None,
    catalogue: Catalogue = CATALOGUE,
    prompt_writer: PromptWriter | None = None,
    input_limits: InputLimits = LIMITS,
    own_user_only: bool = False,
    webhook_rules: AddressRules | None = None,
    policies: FollowedPolicies | None = None,
    tokens: TokenVerifier | None = None,
    read_rules: ReadRules | None = None,
    certificate: ServerCertificate | None = None,
) -> AsyncIterator[RunningApi]:
    """Start an api over memory on a free port, or over the stores of another api, and stop it."""
    store, keys = (stores_of.store, stores_of.keys) if stores_of else (MemoryEventStore(), MemoryKeyStore())
    artifacts = stores_of.artifacts if stores_of else MemoryArtifacts()
    clock, progress, workers = TickingClock(), MemoryProgressFeed(), MemoryWorkerRegistry()
    uploads = stores_of.uploads if stores_of else MemoryArtifacts(StoreArea.UPLOADS, clock)
    access_log = stores_of.access_log if stores_of else MemoryAccessLog()
    key_directory, key_uses, alarms = KeyDirectory(access_log), MemoryKeyUses(), MemoryAlarms()
    read_model, webhook_history = MemoryReadModel(store, keys), MemoryWebhookHistory()
    read_log = stores_of.read_log if stores_of else MemoryReadLog()
    server = ApiServer(
        ApiDependencies(
            store=store,
            raw_log=MemoryRawLog(store),
            keys=keys,
            progress=progress,
            workers=workers,
            alarms=alarms,
            artifacts=artifacts,
            uploads=uploads,
            live_videos=artifacts.live_videos,
            read_model=read_model,
            webhook_history=webhook_history,
            read_log=read_log,
            read_history=MemoryReadHistory(read_log),
            read_rules=read_rules or ReadRules(flush_seconds=3_600.0),  # a test says when
            catalogue=catalogue,
            ticket_sealer=await load_ticket_sealer(keys),
            address_secret=await address_secret(keys),
            authenticator=Authenticator("default", key_directory, clock, file_keys, tokens),
            tokens=tokens,
            access_log=access_log,
            key_directory=key_directory,
            key_uses=key_uses,
            own_user_only=own_user_only,
            clock=clock,
            prompt_writer=prompt_writer,
            input_limits=input_limits,
            policies=policies or FollowedPolicies(),
            webhook_rules=webhook_rules or AddressRules(),
        )
    )
    target = f"127.0.0.1:{await server.start('127.0.0.1', 0, certificate)}"
    try:
        async with aio.insecure_channel(target) as channel:
            yield RunningApi(
                server,
                channel,
                target,
                store,
                keys,
                progress,
                workers,
                alarms,
                artifacts,
                uploads,
                read_model,
                clock,
                access_log,
                key_uses,
                webhook_history,
                read_log,
            )
    finally:
        await server.stop(grace_seconds=1.0)


async def collected(stream: Any, number: int) -> Sequence[Any]:
    """Return the next messages of a stream."""
    found: list[Message] = []
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found) < number and (message := await stream.read()) is not aio.EOF:  # type: ignore[attr-defined]
            found.append(message)
    return found
