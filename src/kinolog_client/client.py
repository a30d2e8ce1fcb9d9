"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Self, TypeVar

from kinolog_client import defaults
from kinolog_client.endpoint import Certificates, Endpoint
from kinolog_client.errors import GatewayError
from kinolog_client.exports.methods import ExportMethods
from kinolog_client.http import file_transfer
from kinolog_client.http.file_transfer import FileTransfer, export_operation, file_operation
from kinolog_client.http.live_transfer import LiveTransfer
from kinolog_client.http.methods import blocking
from kinolog_client.http.operation import Operation
from kinolog_client.http.retry import RetryPolicy
from kinolog_client.http.sync_transport import SyncTransport
from kinolog_client.live.flow import LiveFlow, LiveSettings
from kinolog_client.live.session import LiveSession
from kinolog_client.live.steps import LinkState
from kinolog_client.live.sync_feed import SyncLiveFeed
from kinolog_client.live.updates import LiveUpdate
from kinolog_client.live.watches import watch_for
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
from kinolog_client.partial_file import partial_file

T = TypeVar("T")


class KinologClient(ExportMethods):
    """A client of the gateway at `url`. Use it in `with`, or close it. Threads may share it.

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
        self._transport = SyncTransport(endpoint, timeout_seconds, RetryPolicy(retries))
        self._live = live or LiveSettings()

    @property
    def url(self) -> str:
        """The address of the gateway."""
        return self._transport.endpoint.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def send(self, operation: Operation[T]) -> T:
        """Perform an operation. Raises `GatewayError`."""
        return self._transport.send(operation)

    upload_input = blocking(input_operations.upload_input)
    submit = blocking(command_operations.submit)
    plan = blocking(command_operations.plan)
    generate = blocking(command_operations.generate)
    cancel = blocking(command_operations.cancel)
    retry = blocking(command_operations.retry)
    reproduce = blocking(command_operations.reproduce)
    reprioritize = blocking(command_operations.reprioritize)
    pause = blocking(command_operations.pause)
    resume = blocking(command_operations.resume)
    prefetch = blocking(command_operations.prefetch)
    erase = blocking(command_operations.erase)
    bulk = blocking(command_operations.bulk)

    status = blocking(job_operations.status)
    jobs = blocking(job_operations.jobs)
    storyboard = blocking(job_operations.storyboard)
    logs = blocking(job_operations.logs)
    history = blocking(job_operations.history)
    verify = blocking(job_operations.verify)
    search_events = blocking(question_operations.search_events)
    search_reads = blocking(question_operations.search_reads)
    count_commands = blocking(question_operations.count_commands)
    queue_at = blocking(question_operations.queue_at)
    erasures = blocking(tree_operations.erasures)
    erasure = blocking(tree_operations.erasure)
    start_verification = blocking(verification_operations.start_verification)
    cancel_verification = blocking(verification_operations.cancel_verification)
    verification = blocking(verification_operations.verification)
    verifications = blocking(verification_operations.verifications)
    result = blocking(job_operations.result)
    manifest = blocking(job_operations.manifest)
    tree_head = blocking(tree_operations.tree_head)
    tree_head_by_number = blocking(tree_operations.tree_head_by_number)
    tree_heads = blocking(tree_operations.tree_heads)
    tree_tile = blocking(tree_operations.tree_tile)
    prove_position = blocking(tree_operations.prove_position)
    prove_job = blocking(tree_operations.prove_job)
    prove_reads = blocking(tree_operations.prove_reads)
    prove_consistency = blocking(tree_operations.prove_consistency)
    video_info = blocking(file_transfer.video_info)

    overview = blocking(analytics_operations.overview)
    success_rates = blocking(analytics_operations.success_rates)
    stage_times = blocking(analytics_operations.stage_times)
    queue_depth = blocking(analytics_operations.queue_depth)
    trends = blocking(analytics_operations.trends)
    status_distribution = blocking(analytics_operations.status_distribution)
    activity = blocking(analytics_operations.activity)

    models = blocking(service_operations.models)
    workers = blocking(service_operations.workers)
    alarms = blocking(service_operations.alarms)
    pause_queue = blocking(service_operations.pause_queue)
    resume_queue = blocking(service_operations.resume_queue)
    queue_pauses = blocking(service_operations.queue_pauses)
    create_key = blocking(access_operations.create_key)
    api_keys = blocking(access_operations.api_keys)
    revoke_key = blocking(access_operations.revoke_key)
    create_schedule = blocking(schedule_operations.create_schedule)
    schedules = blocking(schedule_operations.schedules)
    pause_schedule = blocking(schedule_operations.pause_schedule)
    resume_schedule = blocking(schedule_operations.resume_schedule)
    delete_schedule = blocking(schedule_operations.delete_schedule)
    create_webhook = blocking(webhook_operations.create_webhook)
    webhooks = blocking(webhook_operations.webhooks)
    change_webhook = blocking(webhook_operations.change_webhook)
    delete_webhook = blocking(webhook_operations.delete_webhook)
    job_webhook_secret = blocking(webhook_operations.job_webhook_secret)
    webhook_secret = blocking(webhook_operations.webhook_secret)
    rotate_webhook_secret = blocking(webhook_operations.rotate_webhook_secret)
    deliveries = blocking(webhook_operations.deliveries)
    redeliver = blocking(webhook_operations.redeliver)
    create_ticket = blocking(access_operations.create_ticket)
    who_am_i = blocking(access_operations.who_am_i)
    usage = blocking(access_operations.usage)
    requires_key = blocking(access_operations.requires_key)
    health = blocking(service_operations.health)
    ready = blocking(service_operations.ready)
    openapi = blocking(service_operations.openapi)
    asyncapi = blocking(service_operations.asyncapi)

    def iterate_jobs(
        self,
        selection: JobSelection | None = None,
        *,
        sort: str = "created_at",
        order: str = "desc",
        page_size: int = 100,
        min_position: int = 0,
    ) -> Iterator[JobInfo]:
        """Yield every job that matches the selection, page by page; see `jobs`."""
        cursor: str | None = None
        while True:
            page = self.jobs(
                selection, sort=sort, order=order, limit=page_size, cursor=cursor, min_position=min_position
            )
            yield from page.jobs
            cursor = page.next_cursor
            if cursor is None:
                return

    def stream(
        self, job_id: str, *, file: str = "video", scene: int | None = None, index: int | None = None
    ) -> Iterator[bytes]:
        """Yield the bytes of a file of a job: video, thumbnail, preview, scene, scene_thumbnail, or input (`index`).

        A lost connection is resumed at the byte where it broke. Raises `UnexpectedAnswer` if the answer is neither
        video nor image, or, after the last byte, if the gateway's ETag is a hash and the bytes have another.
        """
        return self._transport.read_file(self._transfer(job_id, file, scene, index))

    def download(
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
        return self._saved(self._transfer(job_id, file, scene, index), to, on_progress)

    def live_video(self, job_id: str) -> Iterator[bytes]:
        """Yield the bytes of a job's video while it is rendered, until the last frame: MP4 with H.264, without sound.

        Waits until there are any, also in the queue. A lost connection is resumed at the byte where it broke, also at a
        gateway that restarts. Raises `NotFound` for a job that has ended, and `Conflict` if its attempt ends before:
        the bytes of the next one are others.
        """
        transfer = LiveTransfer(self.url, job_id, self._transport.policy)
        while True:
            try:
                yield from self._transport.read_file(transfer)
            except GatewayError as error:
                pause = transfer.pause_after(error)
                if pause is None:
                    raise
                time.sleep(pause)
            else:
                return

    def export(
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
        return self._saved(transfer, to, on_progress)

    def watch(
        self,
        job_id: str | None = None,
        *,
        logs: bool = False,
        after: int | None = None,
        on_link: Callable[[LinkState], object] | None = None,
    ) -> Generator[LiveUpdate, None, None]:
        """Yield the updates of a job until it ends, or of every job without end.

        The first update of one job is its current state, with `logs` followed by its last log lines. Of all jobs only
        new updates are yielded. With `after`, a position, both yield every commit after it. A lost connection is
        resumed without a gap and without a commit twice. Without a connection, REST is polled. `on_link` is called when
        the state of the connection changes.
        """
        session = LiveSession()
        flow = LiveFlow(session, watch_for(session, job_id, logs=logs, after=after), self._live)
        with closing(SyncLiveFeed(self._transport, flow).events()) as events:
            for event in events:
                if isinstance(event, LiveUpdate):
                    yield event
                elif isinstance(event, LinkState) and on_link is not None:
                    on_link(event)

    def _transfer(self, job_id: str, file: str, scene: int | None, index: int | None) -> FileTransfer:
        return FileTransfer(self.url, file_operation(job_id, file, scene, index), self._transport.policy)

    def _saved(
        self, transfer: FileTransfer, to: Path | str, on_progress: Callable[[int, int | None], object] | None
    ) -> Path:
        with partial_file(Path(to), durable=True) as part:
            for chunk in self._transport.read_file(transfer):
                part.write(chunk)
                if on_progress is not None:
                    on_progress(transfer.received_bytes, transfer.size_bytes)
        return Path(to)
