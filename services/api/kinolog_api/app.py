"""The api process: `python -m kinolog_api`, or `kinolog-api`. The composition root."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from kinolog.adapters.jetstream.access_log import JetStreamAccessLog
from kinolog.adapters.jetstream.alarms import NatsAlarms
from kinolog.adapters.jetstream.client.connection import connect
from kinolog.adapters.jetstream.key_requests import API_SUBSCRIPTIONS, KeyRequests
from kinolog.adapters.jetstream.key_rewrap import rewrap_until_done
from kinolog.adapters.jetstream.key_uses import JetStreamKeyUses
from kinolog.adapters.jetstream.keys import JetStreamKeyStore
from kinolog.adapters.jetstream.log.event_store import JetStreamEventStore
from kinolog.adapters.jetstream.log.raw_log import JetStreamRawLog
from kinolog.adapters.jetstream.progress import JetStreamProgressFeed
from kinolog.adapters.jetstream.read_log import JetStreamReadLog
from kinolog.adapters.jetstream.streams import STREAMS_OF, StreamMismatch, check_streams
from kinolog.adapters.jetstream.subjects import Service
from kinolog.adapters.jetstream.workers import JetStreamWorkerRegistry
from kinolog.adapters.obstore.configured_store import (
    ArtifactStoreUnusable,
    configured_artifacts,
    configured_live_videos,
)
from kinolog.adapters.oidc.issuer_documents import IssuerDocuments
from kinolog.connections.tls import CertificateUnusable
from kinolog.models.catalogue import load_catalogue
from kinolog.models.catalogue_file import CatalogueError
from kinolog.ports.artifacts import StoreArea
from kinolog.ports.clock import system_clock
from kinolog.ports.event_store import LogUnavailable
from kinolog.privacy.job_keys import StoredJobKeys
from kinolog.privacy.master_key_source import load_master_keys
from kinolog.privacy.master_keys import MasterKeyUnusable
from kinolog.privacy.wrapped_keys import WrappedKeyStore
from kinolog.process import logs, ready_line
from kinolog.process.api_keys import InvalidKeyFile
from kinolog.process.gc_tuning import CollectionRate, collect_garbage_rarely
from kinolog.process.main import CannotStart, end_this_process, refuse_arguments, run_process, stop_requested
from kinolog.process.metrics.process_metrics import process_metrics
from kinolog.process.probe import Probe, metrics_text
from kinolog.process.setting_groups.reads import RecordedReads
from kinolog.process.settings import ApiSettings
from kinolog.process.tasks import end_tasks
from kinolog.readmodel.postgres import PostgresReadModel
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy_file import InvalidTenantsFile
from kinolog_api.api_keys.key_directory import KeyDirectory
from kinolog_api.dependencies import ApiDependencies, InputLimits, ReadRules
from kinolog_api.identity_tokens.claims import DEFAULT_SCOPES, ClaimRules
from kinolog_api.identity_tokens.token_verifier import TokenRules, TokenVerifier
from kinolog_api.installation_secret import address_secret
from kinolog_api.rpc.access_tickets import load_ticket_sealer
from kinolog_api.rpc.authentication import Authenticator, file_keys_for
from kinolog_api.server import ApiServer, ListenFailed, listen_address

logger = logging.getLogger(__name__)

NAME = "api"
GRACE_SECONDS = 5.0
"""Time for calls in progress to finish when the api stops."""


@asynccontextmanager
async def connected_dependencies(settings: ApiSettings) -> AsyncIterator[ApiDependencies]:
    """Connect and check the dependencies. Raises `START_ERRORS`."""
    require_key = settings.require_key or bool(settings.oidc_issuers)
    file_keys = file_keys_for(settings.api_host, settings.api_key_file, require_key=require_key)
    catalogue = load_catalogue(settings)
    policies = FollowedPolicies(settings.tenants_file)
    artifacts = configured_artifacts(settings.artifacts_url)
    uploads = configured_artifacts(settings.artifacts_url, StoreArea.UPLOADS)
    master_keys = load_master_keys(settings)
    async with AsyncExitStack() as stack:
        client = await connect(settings, Service.API, on_lost=end_this_process)
        stack.push_async_callback(client.close)
        await check_streams(client, settings.nats_replicas, STREAMS_OF[Service.API])
        store = JetStreamEventStore(client, replicas=settings.nats_replicas)
        stack.push_async_callback(store.close)
        raw_log = JetStreamRawLog(client)
        stack.push_async_callback(raw_log.close)
        stored_keys = JetStreamKeyStore(client, replicas=settings.nats_replicas)
        stack.push_async_callback(stored_keys.close)
        keys = WrappedKeyStore(stored_keys, master_keys)
        if not await keys.check():
            rewrapping = asyncio.create_task(rewrap_until_done(stored_keys, master_keys))
            stack.push_async_callback(end_tasks, (rewrapping,))
        key_requests = KeyRequests(client, StoredJobKeys(store, keys), API_SUBSCRIPTIONS)
        stack.push_async_callback(key_requests.close)
        await key_requests.open()
        progress = JetStreamProgressFeed(client)
        stack.push_async_callback(progress.close)
        workers = JetStreamWorkerRegistry(client)
        stack.push_async_callback(workers.close)
        access_log = JetStreamAccessLog(client, replicas=settings.nats_replicas)
        stack.push_async_callback(access_log.close)
        read_log = JetStreamReadLog(client)
        stack.push_async_callback(read_log.close)
        key_uses = JetStreamKeyUses(client)
        stack.push_async_callback(key_uses.close)
        key_directory = KeyDirectory(access_log)
        await key_directory.load()
        alarms = NatsAlarms(client, NAME)
        stack.push_async_callback(alarms.close)
        await alarms.open()
        database_url = settings.database_url.get_secret_value()
        read_model = await PostgresReadModel.connect(database_url, settings.database_pool_size, "kinolog-api")
        stack.push_async_callback(read_model.close)
        tokens = None
        if settings.oidc_issuers:
            tokens = TokenVerifier(settings.oidc_issuers, IssuerDocuments(), _token_rules(settings))
            stack.push_async_callback(tokens.close)
        prompt_writer = None
        if settings.prompt_writer_url:
            from kinolog.adapters.chat.prompt_writer import (
                ChatPromptWriter,  # most have none: 0.1 s of a start
            )

            prompt_writer = ChatPromptWriter(settings)
            stack.push_async_callback(prompt_writer.close)
        yield ApiDependencies(
            store=store,
            raw_log=raw_log,
            keys=keys,
            progress=progress,
            workers=workers,
            alarms=alarms,
            artifacts=artifacts,
            uploads=uploads,
            live_videos=configured_live_videos(settings.artifacts_url),
            read_model=read_model,
            webhook_history=read_model.webhook_history(),
            read_log=read_log,
            read_history=read_model.read_history(),
            read_rules=ReadRules(
                everything=settings.record_reads is RecordedReads.ALL,
                days=settings.reads_days,
                stream_bytes=settings.reads_stream_bytes,
            ),
            webhook_rules=settings.webhook_rules,
            catalogue=catalogue,
            ticket_sealer=await load_ticket_sealer(keys),
            address_secret=await address_secret(keys),
            authenticator=Authenticator(settings.tenant, key_directory, system_clock, file_keys, tokens),
            tokens=tokens,
            access_log=access_log,
            key_directory=key_directory,
            key_uses=key_uses,
            own_user_only=file_keys is None and not settings.no_auth,
            clock=system_clock,
            prompt_writer=prompt_writer,
            policies=policies,
            input_limits=InputLimits(
                max_bytes=settings.input_max_bytes,
                max_pixels=settings.input_max_pixels,
                upload_seconds=settings.upload_seconds,
                tenant_bytes=settings.upload_tenant_bytes,
            ),
        )


def _token_rules(settings: ApiSettings) -> TokenRules:
    """Return which tokens the settings accept, and for whom they stand."""
    granted = settings.granted_scopes()
    return TokenRules(
        audiences=tuple(settings.oidc_audience),
        algorithms=tuple(settings.oidc_algorithms),
        skew_seconds=settings.oidc_skew_seconds,
        claims=ClaimRules(
            tenant_claim=settings.oidc_tenant_claim,
            tenant=settings.oidc_tenant,
            actor_claim=settings.oidc_actor_claim,
            scope_claim=settings.oidc_scope_claim,
            scopes=granted or DEFAULT_SCOPES,
        ),
    )


async def serve(settings: ApiSettings) -> None:
    """Serve until SIGTERM or SIGINT, then finish the calls in progress."""
    async with connected_dependencies(settings) as dependencies:
        stopping = stop_requested()
        server = ApiServer(dependencies)
        monitor = server.health_monitor
        probe = Probe(
            settings.api_probe_port,
            host=settings.probe_host,
            missing=monitor.missing,
            metrics=(
                lambda: metrics_text([*monitor.metrics(), *server.reads.metrics(), *process_metrics()]),
            ),
        )
        port = await server.start(settings.api_host, settings.api_port, settings.server_certificate())
        try:
            await _start_probe(probe)
            collect_garbage_rarely(CollectionRate.REQUESTS)
            target = listen_address(settings.api_host, port)
            logger.info("serving", extra=logs.fields("serving", target=target))
            ready_line.announce(NAME, target=target, **({"probe": probe.url} if probe.url else {}))
            await stopping.wait()
            logger.info("stopping", extra=logs.fields("stopping"))
        finally:
            await server.stop(GRACE_SECONDS)
            await probe.stop()


async def _start_probe(probe: Probe) -> None:
    try:
        await probe.start()
    except OSError as error:
        raise CannotStart(
            f"the probe cannot listen on {probe.host}:{probe.port}: {error.strerror or error}; set "
            "KINOLOG_API_PROBE_PORT to a free port, or to 0 for none"
        ) from error


START_ERRORS = (
    InvalidKeyFile,
    InvalidTenantsFile,
    CertificateUnusable,
    CatalogueError,
    ListenFailed,
    ArtifactStoreUnusable,
    MasterKeyUnusable,
    StreamMismatch,
    LogUnavailable,
)


def main() -> None:
    """Serve until SIGTERM or SIGINT. Exits with status 2 if the api cannot start."""
    refuse_arguments("kinolog-api", "Serves the gRPC api: jobs, lists, history.")
    run_process(NAME, ApiSettings, serve, START_ERRORS)


if __name__ == "__main__":  # `python -m` of a module, as earlier deployments start it
    main()
