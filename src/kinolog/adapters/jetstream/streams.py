"""The settings of the streams, and the check of the streams against them. docs/log.md gives the reasons."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from nats.aio.client import Client
from nats.js.api import (
    DiscardPolicy,
    PersistMode,
    RePublish,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import STREAM_NOT_FOUND, JetStreamApiError, api_request
from kinolog.adapters.jetstream.client.retry import retry_until_answered
from kinolog.adapters.jetstream.subjects import Service
from kinolog.ports.workers import PRESENT_SECONDS

CHECK_SECONDS = 10.0
"""How long a server without a leader, or one that recovers its streams, may refuse to state the settings of one."""

DEDUPE_SECONDS = 120.0
PROGRESS_SECONDS = 24 * 3600.0
PROGRESS_PER_SUBJECT = 500
PROGRESS_BYTES = 1 << 30
ADVISORY_SECONDS = 7 * 24 * 3600.0
ADVISORY_MESSAGES = 100_000
OFF: tuple[object, ...] = (None, 0, -1, False, "", "none", "default", {}, [])
"""Values of a setting that is not set, unlimited or off."""

UNCHECKED = {"description", "metadata", "placement", "first_seq"}
"""Settings that belong to the server or the operator, are for people, or matter at the creation only."""


class StreamMismatch(Exception):
    """A setting of a stream differs from what kinolog needs. The stream is not changed."""

    def __init__(self, stream: str, setting: str, expected: object, found: object) -> None:
        super().__init__(f"stream {stream}: {setting} must be {expected!r}, but is {found!r}")
        self.stream, self.setting, self.expected, self.found = stream, setting, expected, found


class StreamMissing(StreamMismatch):
    """A stream does not exist."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream, "existence", True, False)
        self.args = (f"stream {stream} does not exist: run `python -m kinolog.adapters.jetstream.provision`",)


STREAMS_OF: dict[Service, tuple[str, ...]] = {
    Service.ADMIN: subjects.STREAMS,
    Service.API: (
        subjects.EVENTS,
        subjects.ACCESS,
        subjects.READS,
        subjects.WORK,
        subjects.PROGRESS,
        subjects.KEYS_STREAM,
        subjects.WORKERS_STREAM,
        subjects.KEY_USES_STREAM,
    ),
    Service.PROJECTOR: (
        subjects.EVENTS,
        subjects.ACCESS,
        subjects.READS,
        subjects.WORK,
        subjects.PROGRESS,
        subjects.ADVISORIES,
        subjects.KEYS_STREAM,
        subjects.WORKERS_STREAM,
    ),
    Service.WORKER: (
        subjects.EVENTS,
        subjects.WORK,
        subjects.PROGRESS,
        subjects.WORKERS_STREAM,
    ),
}
"""Streams that a service uses. It checks them when it starts."""


def stream_configs(replicas: int) -> dict[str, StreamConfig]:
    """Return the settings of every stream by name, each stored on `replicas` servers."""
    configs = (
        _events(replicas),
        _access(replicas),
        _reads(replicas),
        _work(replicas),
        _progress(replicas),
        _advisories(replicas),
        _keys(replicas),
        _workers(replicas),
        _key_uses(replicas),
    )
    return {str(config.name): config for config in configs}


def _events(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.EVENTS,
        description="The log: every commit of every job",
        subjects=[subjects.EVENTS_SUBJECTS],
        discard=DiscardPolicy.NEW,
        deny_delete=True,
        deny_purge=True,
        allow_atomic=True,
        republish=RePublish(src=subjects.EVENTS_SUBJECTS, dest="live.evt.job.{{wildcard(1)}}"),
    )


def _access(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.ACCESS,
        description="API keys: every commit about every key",
        subjects=[subjects.ACCESS_SUBJECTS],
        discard=DiscardPolicy.NEW,
        deny_delete=True,
        deny_purge=True,
        allow_atomic=True,
        republish=RePublish(src=subjects.ACCESS_SUBJECTS, dest="live.access.key.{{wildcard(1)}}"),
    )


def _reads(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.READS,
        description="Who read what; the projector deletes what is older than it is to be kept",
        subjects=[subjects.READS_RECORDED],
        discard=DiscardPolicy.NEW,
        deny_delete=True,
    )


def _work(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.WORK,
        description="Tickets: hints that a job may be started",
        subjects=[subjects.WORK_SUBJECTS],
        retention=RetentionPolicy.WORK_QUEUE,
        max_msgs_per_subject=1,
        allow_atomic=True,
    )


def _progress(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.PROGRESS,
        description="Progress: step progress, log lines, previews",
        subjects=[subjects.PROGRESS_SUBJECTS],
        max_age=PROGRESS_SECONDS,
        max_bytes=PROGRESS_BYTES,
        max_msgs_per_subject=PROGRESS_PER_SUBJECT,
        persist_mode=_unsynced(replicas),
    )


def _advisories(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.ADVISORIES,
        description="Tickets that reached their maximum of deliveries",
        subjects=list(subjects.ADVISORY_SUBJECTS),
        max_age=ADVISORY_SECONDS,
        max_msgs=ADVISORY_MESSAGES,
    )


def _keys(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.KEYS_STREAM,
        description="Keys under which personal data is sealed; deleting one erases what it sealed",
        subjects=[f"$KV.{subjects.KEYS_BUCKET}.>"],
        discard=DiscardPolicy.NEW,
        max_msgs_per_subject=1,
        allow_atomic=True,
        allow_rollup_hdrs=True,
    )


def _workers(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.WORKERS_STREAM,
        description="What workers report about themselves",
        subjects=[f"$KV.{subjects.WORKERS_BUCKET}.>"],
        max_age=PRESENT_SECONDS,
        max_msgs_per_subject=1,
        duplicate_window=PRESENT_SECONDS,
        allow_rollup_hdrs=True,
        persist_mode=_unsynced(replicas),
    )


def _key_uses(replicas: int) -> StreamConfig:
    return _stream(
        replicas,
        name=subjects.KEY_USES_STREAM,
        description="When each API key was last used",
        subjects=[f"$KV.{subjects.KEY_USES_BUCKET}.>"],
        max_msgs_per_subject=1,
        allow_rollup_hdrs=True,
        persist_mode=_unsynced(replicas),
    )


def _stream(replicas: int, **settings: Any) -> StreamConfig:
    """Return the settings of a stream: those that all streams share, overridden by `settings`."""
    shared: dict[str, Any] = {
        "retention": RetentionPolicy.LIMITS,
        "storage": StorageType.FILE,
        "discard": DiscardPolicy.OLD,
        "num_replicas": replicas,
        "duplicate_window": DEDUPE_SECONDS,
        "allow_direct": True,
    }
    return StreamConfig(**shared | settings)


def _unsynced(replicas: int) -> PersistMode | None:
    """Return the mode that acknowledges before the write reaches the disk; the server has it for one replica only."""
    return PersistMode.ASYNC if replicas == 1 else None


async def check_streams(client: Client, replicas: int, names: Iterable[str]) -> None:
    """Check streams by name. Raises `StreamMissing`, `StreamMismatch`, `LogUnavailable`, for a refusal too."""
    configs = stream_configs(replicas)
    for name in names:
        await retry_until_answered(partial(check_stream, client, configs[name]), CHECK_SECONDS)


async def check_stream(client: Client, config: StreamConfig) -> None:
    """Compare every setting of a stream with `config`. Raises as `check_streams`, and `JetStreamApiError`."""
    name = str(config.name)
    try:
        info = await api_request(client, f"$JS.API.STREAM.INFO.{name}")
    except JetStreamApiError as error:
        if error.number == STREAM_NOT_FOUND:
            raise StreamMissing(name) from None
        raise
    found, expected = info["config"], config.as_dict()
    for setting in sorted((expected.keys() | found.keys()) - UNCHECKED):
        if not _agree(expected.get(setting), found.get(setting)):
            raise StreamMismatch(name, setting, expected.get(setting), found.get(setting))


def _agree(expected: object, found: object) -> bool:
    """Return whether two settings are the same. The server omits or names what is unlimited, empty or off."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(_agree(expected.get(name), found.get(name)) for name in expected.keys() | found.keys())
    return expected == found or (expected in OFF and found in OFF)
