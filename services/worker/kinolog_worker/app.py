"""A worker process: `python -m kinolog_worker`, or `kinolog-worker`. The composition root."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import gettempdir

from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.key_requests import RequestedJobKeys
from kinolog.adapters.jetstream.log.commit_notifications import JetStreamCommitNotifier
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.queue.ticket_queue import JetStreamTicketQueue
from kinolog.adapters.jetstream.streams import STREAMS_OF, StreamMismatch, check_streams
from kinolog.adapters.jetstream.subjects import Service
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.adapters.obstore.configured_store import configured_artifacts, configured_live_videos
from kinolog.adapters.obstore.folder_urls import folder_at
from kinolog.command_handler import CommandHandler
from kinolog.models.catalogue import Catalogue, load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.process import logs, ready_line
from kinolog.process.main import CannotStart, end_this_process, refuse_arguments, run_process, stop_requested
from kinolog.process.probe import Probe
from kinolog.process.settings import WorkerSettings
from kinolog.provenance import ProvenanceSigner, SigningFailed
from kinolog_worker.attempt.scratch_folder import remove_dead_folders, scratch_folder
from kinolog_worker.dependencies import Timing, WorkerDependencies
from kinolog_worker.downloads.download_process import DownloadProcess
from kinolog_worker.downloads.model_files import ModelFiles
from kinolog_worker.downloads.video_servers import VideoServers
from kinolog_worker.inference.process import InferenceProcess
from kinolog_worker.queue.predecessors import return_tickets
from kinolog_worker.reporting.device_memory import machine_bytes
from kinolog_worker.reporting.identity import instance_name, libraries
from kinolog_worker.reporting.memory_needs import memory_needs
from kinolog_worker.reporting.worker_status import WorkerStatus
from kinolog_worker.supervisor import ABORT_SECONDS, Supervisor
from kinolog_worker.worker_reports import metrics_of

logger = logging.getLogger(__name__)

NAME = "worker"
END_SECONDS = 3.0
"""How long a worker whose attempt has ended may take to stop."""


def _served_models(settings: WorkerSettings, catalogue: Catalogue) -> frozenset[str]:
    """Return the names of the models to serve. Raises `CannotStart` for an unknown name."""
    unknown = [name for name in settings.worker_models if name not in catalogue.names]
    if unknown:
        known = ", ".join(catalogue.names)
        raise CannotStart(
            f"KINOLOG_WORKER_MODELS: there is no model {unknown[0]!r}; the catalogue has {known}"
        )
    return frozenset(settings.worker_models or catalogue.names)


def configured_signer(settings: WorkerSettings) -> ProvenanceSigner | None:
    """Return what signs the videos; None if they are not signed. Raises `CannotStart`."""
    certificate, key = settings.signing_certificate, settings.signing_key
    if not settings.signing:
        return None
    if certificate is None and key is None:
        logger.warning("videos are not signed: KINOLOG_SIGNING_CERTIFICATE is not set")
        return None
    if certificate is None or key is None:
        raise CannotStart("KINOLOG_SIGNING_CERTIFICATE and KINOLOG_SIGNING_KEY: set both or none")
    try:
        from kinolog.adapters.c2pa.signer import (
            C2paSigner,  # the library is large, and not every worker signs
        )
    except ImportError as error:
        raise CannotStart(
            f"KINOLOG_SIGNING_CERTIFICATE: {error.name} is not installed; run: pip install 'kinolog[worker]', or set "
            "KINOLOG_SIGNING=false for unsigned videos"
        ) from error

    signer = C2paSigner(certificate, key)
    try:
        signer.check()
    except SigningFailed as error:
        raise CannotStart(f"KINOLOG_SIGNING_CERTIFICATE: videos cannot be signed: {error}") from error
    return signer


@asynccontextmanager
async def connected_dependencies(settings: WorkerSettings) -> AsyncIterator[WorkerDependencies]:
    """Connect and check the dependencies. Raises `CannotStart` and the errors that `main` reports."""
    catalogue = load_catalogue(settings)
    served = _served_models(settings, catalogue)
    artifacts = configured_artifacts(settings.artifacts_url)
    signer = configured_signer(settings)
    name = instance_name(settings.worker_name)
    async with AsyncExitStack() as stack:
        client = await connect(settings, Service.WORKER, on_lost=end_this_process)
        stack.push_async_callback(client.close)
        await check_streams(client, settings.nats_replicas, STREAMS_OF[Service.WORKER])
        store = JetStreamEventStore(client, replicas=settings.nats_replicas)
        progress = JetStreamProgressFeed(client)
        workers = JetStreamWorkerRegistry(client)
        alarms = NatsAlarms(client, name)
        for adapter in (store, progress, workers, alarms):
            stack.push_async_callback(adapter.close)
        await alarms.open()
        yield WorkerDependencies(
            worker=name,
            served=served,
            catalogue=catalogue,
            clock=system_clock,
            store=store,
            handler=CommandHandler(store, system_clock),
            keys=RequestedJobKeys(client),
            queue=JetStreamTicketQueue(client, ack_wait_seconds=settings.worker_ack_wait_seconds),
            progress=progress,
            workers=workers,
            notifier=JetStreamCommitNotifier(client),
            artifacts=artifacts,
            live_videos=configured_live_videos(settings.artifacts_url),
            alarms=alarms,
            inference=InferenceProcess(
                settings.worker_device,
                threads=settings.worker_threads,
                model_memory=_model_memory(settings),
                freeze_seconds=settings.worker_freeze_seconds,
            ),
            models=ModelFiles(DownloadProcess(), alarms, system_clock),
            servers=VideoServers(alarms, system_clock),
            signer=signer,
            most_preemptions=settings.worker_preemptions,
            scratch=stack.enter_context(scratch_folder(_scratch_root(settings), name)),
            disks=_measured_folders(settings),
            status=WorkerStatus(
                name,
                settings.worker_device,
                tuple(sorted(served)),
                system_clock(),
                libraries=libraries(),
                memory_needs=await asyncio.to_thread(
                    memory_needs, [entry for entry in catalogue if entry.name in served]
                ),
            ),
            timing=_timing(settings),
        )


def _measured_folders(settings: WorkerSettings) -> dict[str, Path]:
    folders = {"scratch": _scratch_root(settings)}
    artifacts = folder_at(settings.artifacts_url)
    return folders if artifacts is None else folders | {"artifacts": artifacts}


def _model_memory(settings: WorkerSettings) -> int:
    stated = settings.worker_model_memory
    return machine_bytes() // 2 if stated is None else stated


def _scratch_root(settings: WorkerSettings) -> Path:
    return settings.worker_scratch or Path(gettempdir()) / f"kinolog-worker-{os.getuid()}"


def _timing(settings: WorkerSettings) -> Timing:
    return Timing(
        ack_extend_seconds=settings.worker_ack_wait_seconds / 3,
        first_retry_seconds=settings.worker_retry_seconds,
        stall_timeout_seconds=settings.worker_stall_seconds,
        checkpoint_seconds=settings.worker_checkpoint_seconds,
        shutdown_grace_seconds=settings.worker_grace_seconds,
    )


async def serve(settings: WorkerSettings) -> None:
    """Work until SIGTERM or SIGINT, then finish the running job or return it to the queue."""
    async with connected_dependencies(settings) as dependencies:
        stopping = stop_requested(settings.worker_grace_seconds + ABORT_SECONDS + END_SECONDS)
        await return_tickets(dependencies, remove_dead_folders(_scratch_root(settings)))
        supervisor = Supervisor(dependencies)
        probe = Probe(
            settings.worker_probe_port,
            host=settings.probe_host,
            missing=supervisor.missing,
            metrics=[partial(metrics_of, dependencies)],
        )
        await probe.start()
        working = asyncio.create_task(supervisor.run())
        try:
            logger.info(
                "working",
                extra=logs.fields("working", worker=dependencies.worker, device=dependencies.status.device),
            )
            ready_line.announce(NAME, worker=dependencies.worker, probe=probe.url)
            stop = asyncio.create_task(stopping.wait())
            await asyncio.wait([working, stop], return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            logger.info("stopping", extra=logs.fields("stopping"))
            supervisor.stop()
            await working
        finally:
            await probe.stop()


START_ERRORS = (CatalogueError, StreamMismatch, LogUnavailable, OSError)


def main() -> None:
    """Work until SIGTERM or SIGINT. Exits with status 2 if the worker cannot start."""
    refuse_arguments("kinolog-worker", "Takes jobs from the queue and renders them.")
    run_process(NAME, WorkerSettings, serve, START_ERRORS)


if __name__ == "__main__":  # `python -m` of a module, as earlier deployments start it
    main()
