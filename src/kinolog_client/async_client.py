"""The client for an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Self, TypeVar

from kinolog_client import defaults
from kinolog_client.endpoint import Certificates, Endpoint
from kinolog_client.errors import GatewayError
from kinolog_client.exports.async_methods import AsyncExportMethods
from kinolog_client.http import file_transfer
from kinolog_client.http.async_transport import AsyncTransport
from kinolog_client.http.file_transfer import FileTransfer, export_operation, file_operation
from kinolog_client.http.live_transfer import LiveTransfer
from kinolog_client.http.methods import awaitable
from kinolog_client.http.operation import Operation
from kinolog_client.http.retry import RetryPolicy
from kinolog_client.live.async_feed import AsyncLiveFeed
from kinolog_client.live.flow import LiveFlow, LiveSettings
from kinolog_client.live.session import LiveSession
from kinolog_client.live.steps import LinkState
from kinolog_client.live.updates import LiveUpdate
from kinolog_client.live.watches import FeedWatch, watch_for
from kinolog_client.models.jobs import JobInfo
from kinolog_client.models.selection import JobSelection
from kinolog_client.operations import (
    access_operations,
    analytics_operations,
    command_operations,
    input_operations,
    job_operations,
    question_operations,
    schedule_operations,
    service_operations,
    tree_operations,
    verification_operations,
    webhook_operations,
)
from kinolog_client.partial_file import flush_to_disk, partial_file

T = TypeVar("T")


class AsyncKinologClient(AsyncExportMethods):
    """A client of the gateway at `url`. Use it in `async with`, or close it. For one event loop.

    `timeout_seconds` is how long an answer may take. `retries` is how often a request is sent again after the network
    failed; a command has one effect however often it is sent. `trust_env` None uses the proxies of the environment,
    except for a gateway on this machine. `certificates` are those of https://. Raises `InvalidSettings` for an address,
    key, certificate or proxy that cannot be used.
    """

    def __init__(
        self,
        url: str = defaults.URL,
        api_key: str | None = None,
        *,
        timeout_seconds: float = defaults.TIMEOUT_SECONDS,
        retries: int = defaults.RETRIES,
        trust_env: bool | None = None,
        live: LiveSettings | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        endpoint = Endpoint(url.rstrip("/"), api_key, trust_env, certificates)
        self._transport = AsyncTransport(endpoint, timeout_seconds, RetryPolicy(retries))
        self._live = live or LiveSettings()

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return self._transport.endpoint.url

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def send(self, operation: Operation[T]) -> T:
        """Perform an operation. Raises `GatewayError`."""
        return await self._transport.send(operation)

    upload_input = awaitable(input_operations.upload_input)
    submit = awaitable(command_operations.submit)
    plan = awaitable(command_operations.plan)
    generate = awaitable(command_operations.generate)
    cancel = awaitable(command_operations.cancel)
    retry = awaitable(command_operations.retry)
    reproduce = awaitable(command_operations.reproduce)
    reprioritize = awaitable(command_operations.reprioritize)
    pause = awaitable(command_operations.pause)
    resume = awaitable(command_operations.resume)
    prefetch = awaitable(command_operations.prefetch)
    erase = awaitable(command_operations.erase)
    bulk = awaitable(command_operations.bulk)

    status = awaitable(job_operations.status)
    jobs = awaitable(job_operations.jobs)
    storyboard = awaitable(job_operations.storyboard)
    logs = awaitable(job_operations.logs)
    history = awaitable(job_operations.history)
    verify = awaitable(job_operations.verify)
    search_events = awaitable(question_operations.search_events)
    search_reads = awaitable(question_operations.search_reads)
    count_commands = awaitable(question_operations.count_commands)
    queue_at = awaitable(question_operations.queue_at)
    erasures = awaitable(tree_operations.erasures)
    erasure = awaitable(tree_operations.erasure)
    start_verification = awaitable(verification_operations.start_verification)
    cancel_verification = awaitable(verification_operations.cancel_verification)
    verification = awaitable(verification_operations.verification)
    verifications = awaitable(verification_operations.verifications)
    result = awaitable(job_operations.result)
    manifest = awaitable(job_operations.manifest)
    tree_head = awaitable(tree_operations.tree_head)
    tree_head_by_number = awaitable(tree_operations.tree_head_by_number)
    tree_heads = awaitable(tree_operations.tree_heads)
    tree_tile = awaitable(tree_operations.tree_tile)
    prove_position = awaitable(tree_operations.prove_position)
    prove_job = awaitable(tree_operations.prove_job)
    prove_reads = awaitable(tree_operations.prove_reads)
    prove_consistency = awaitable(tree_operations.prove_consistency)
    video_info = awaitable(file_transfer.video_info)

    overview = awaitable(analytics_operations.overview)
    success_rates = awaitable(analytics_operations.success_rates)
    stage_times = awaitable(analytics_operations.stage_times)
    queue_depth = awaitable(analytics_operations.queue_depth)
    trends = awaitable(analytics_operations.trends)
    status_distribution = awaitable(analytics_operations.status_distribution)
    activity = awaitable(analytics_operations.activity)

    models = awaitable(service_operations.models)
    workers = awaitable(service_operations.workers)
    alarms = awaitable(service_operations.alarms)
    pause_queue = awaitable(service_operations.pause_queue)
    resume_queue = awaitable(service_operations.resume_queue)
    queue_pauses = awaitable(service_operations.queue_pauses)
    create_key = awaitable(access_operations.create_key)
    api_keys = awaitable(access_operations.api_keys)
    revoke_key = awaitable(access_operations.revoke_key)
    create_schedule = awaitable(schedule_operations.create_schedule)
    schedules = awaitable(schedule_operations.schedules)
    pause_schedule = awaitable(schedule_operations.pause_schedule)
    resume_schedule = awaitable(schedule_operations.resume_schedule)
    delete_schedule = awaitable(schedule_operations.delete_schedule)
    create_webhook = awaitable(webhook_operations.create_webhook)
    webhooks = awaitable(webhook_operations.webhooks)
    change_webhook = awaitable(webhook_operations.change_webhook)
    delete_webhook = awaitable(webhook_operations.delete_webhook)
    job_webhook_secret = awaitable(webhook_operations.job_webhook_secret)
    webhook_secret = awaitable(webhook_operations.webhook_secret)
    rotate_webhook_secret = awaitable(webhook_operations.rotate_webhook_secret)
    deliveries = awaitable(webhook_operations.deliveries)
    redeliver = awaitable(webhook_operations.redeliver)
    create_ticket = awaitable(access_operations.create_ticket)
    who_am_i = awaitable(access_operations.who_am_i)
    usage = awaitable(access_operations.usage)
    requires_key = awaitable(access_operations.requires_key)
    health = awaitable(service_operations.health)
    ready = awaitable(service_operations.ready)
    openapi = awaitable(service_operations.openapi)
    asyncapi = awaitable(service_operations.asyncapi)

    async def iterate_jobs(
        self,
        selection: JobSelection | None = None,
        *,
        sort: str = "created_at",
        order: str = "desc",
        page_size: int = 100,
        min_position: int = 0,
    ) -> AsyncIterator[JobInfo]:
        """Yield every job that matches the selection, page by page; see `jobs`."""
        cursor: str | None = None
        while True:
            page = await self.jobs(
                selection, sort=sort, order=order, limit=page_size, cursor=cursor, min_position=min_position
            )
            for job in page.jobs:
                yield job
            cursor = page.next_cursor
            if cursor is None:
                return

    def stream(
        self, job_id: str, *, file: str = "video", scene: int | None = None, index: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the bytes of a file of a job: video, thumbnail, preview, scene, scene_thumbnail, or input (`index`).

        A lost connection is resumed at the byte where it broke. Raises `UnexpectedAnswer` if the answer is neither
        video nor image, or, after the last byte, if the gateway's ETag is a hash and the bytes have another.
        """
        return self._transport.read_file(self._transfer(job_id, file, scene, index))

    async def download(
        self,
        job_id: str,
        to: Path | str,
        *,
        file: str = "video",
        scene: int | None = None,
        index: int | None = None,
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """Save a file of a job under `to`, whole and checked or not at all; return the path. See `stream`.

        What is at `to` and is no plain file, such as a device or a pipe, is written into.
        `on_progress` is called with the bytes received and the size, None while it is unknown. Raises OSError if the
        file cannot be written.
        """
        return await self._saved(self._transfer(job_id, file, scene, index), to, on_progress)

    async def live_video(self, job_id: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a job's video while it is rendered, until the last frame: MP4 with H.264, without sound.

        Waits until there are any, also in the queue. A lost connection is resumed at the byte where it broke, also at a
        gateway that restarts. Raises `NotFound` for a job that has ended, and `Conflict` if its attempt ends before:
        the bytes of the next one are others.
        """
        transfer = LiveTransfer(self.url, job_id, self._transport.policy)
        while True:
            try:
                async for chunk in self._transport.read_file(transfer):
                    yield chunk
            except GatewayError as error:
                pause = transfer.pause_after(error)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                return

    async def export(
        self,
        job_id: str,
        to: Path | str,
        *,
        file_format: str = "gif",
        on_progress: Callable[[int, int | None], object] | None = None,
    ) -> Path:
        """Save the video of a completed job in another format under `to`, whole or not at all; return the path.

        `file_format` is gif, webp (both animated), png (a ZIP archive with one picture per frame) or spritesheet (a
        JPEG of small frames). The service makes it while it sends it, so its size is not known before. Raises
        `Conflict` until the job is completed, ValueError for another format, and OSError if the file cannot be
        written. See `download` for `to` and `on_progress`.
        """
        operation = export_operation(job_id, file_format)
        transfer = FileTransfer(self.url, operation, self._transport.policy, resumes=False)
        return await self._saved(transfer, to, on_progress)

    async def watch(
        self,
        job_id: str | None = None,
        *,
        logs: bool = False,
        after: int | None = None,
        on_link: Callable[[LinkState], object] | None = None,
    ) -> AsyncGenerator[LiveUpdate, None]:
        """Yield the updates of a job until it ends, or of every job without end.

        The first update of one job is its current state, with `logs` followed by its last log lines. Of all jobs only
        new updates are yielded. With `after`, a position, both yield every commit after it. A lost connection is
        resumed without a gap and without a commit twice. Without a connection, REST is polled. `on_link` is called when
        the state of the connection changes.
        """
        session = LiveSession()
        flow = LiveFlow(session, watch_for(session, job_id, logs=logs, after=after), self._live)
        async with aclosing(AsyncLiveFeed(self._transport, session, flow).events()) as events:
            async for event in events:
                if isinstance(event, LiveUpdate):
                    yield event
                elif isinstance(event, LinkState) and on_link is not None:
                    on_link(event)

    def live_feed(self, settings: LiveSettings | None = None) -> AsyncLiveFeed:
        """Return a feed of the messages of every job and the state of the connection, for a screen.

        A server that is away does not end it, however long: `give_up_seconds` of the settings is ignored.
        """
        session = LiveSession()
        flow = LiveFlow(session, FeedWatch(session), replace(settings or self._live, give_up_seconds=None))
        return AsyncLiveFeed(self._transport, session, flow)

    def _transfer(self, job_id: str, file: str, scene: int | None, index: int | None) -> FileTransfer:
        return FileTransfer(self.url, file_operation(job_id, file, scene, index), self._transport.policy)

    async def _saved(
        self, transfer: FileTransfer, to: Path | str, on_progress: Callable[[int, int | None], object] | None
    ) -> Path:
        with partial_file(Path(to)) as part:
            async for chunk in self._transport.read_file(transfer):
                part.write(chunk)
                if on_progress is not None:
                    on_progress(transfer.received_bytes, transfer.size_bytes)
            await asyncio.to_thread(flush_to_disk, part)
        return Path(to)
