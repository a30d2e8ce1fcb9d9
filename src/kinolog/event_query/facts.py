"""What a commit can be found by, apart from its address, time and position."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b

from kinolog.event_query.query import CommitFact, QueryField
from kinolog.job import events as e
from kinolog.job.commit import Commit
from kinolog.job.names import stored_name
from kinolog.job.values import Runtime, Spec

SHORT_HASH = 12
"""Digits of a long hash, such as a revision, that find it too: what screens show."""


def commit_facts(commit: Commit, spec: Spec) -> Iterator[CommitFact]:
    """Yield the facts of a commit of a job with this spec. They follow from these alone, not from other commits."""
    command = commit.command
    yield QueryField.JOB, commit.job_id
    yield QueryField.ACTOR, command.actor
    yield QueryField.COMMAND, command.name
    yield QueryField.MODEL, spec.model
    if command.origin.api_key_id:
        yield QueryField.KEY, command.origin.api_key_id
    if client := command.origin.client:
        yield QueryField.CLIENT, client
        name = client.partition("/")[0]
        if name != client:
            yield QueryField.CLIENT, name
    for lora in spec.loras:
        yield QueryField.LORA, lora.name
    if spec.upscaler:
        yield QueryField.UPSCALER, spec.upscaler
    for name in {stored_name(type(event)) for event in commit.events}:
        yield QueryField.EVENT, name
    for event in commit.events:
        match event:
            case e.AttemptStarted():
                yield QueryField.WORKER, event.worker
                yield from _runtime_facts(event.runtime)
            case e.RuntimeRecorded():
                yield from _runtime_facts(event.runtime)
            case e.PrefetchFinished():
                yield QueryField.WORKER, event.worker
            case e.AttemptFailed() | e.Failed():
                yield QueryField.ERROR, event.error.code


def _runtime_facts(runtime: Runtime) -> Iterator[CommitFact]:
    if revision := runtime.model_revision:
        yield from _hash_facts(QueryField.REVISION, revision)
    for lora in runtime.loras:
        yield QueryField.LORA, lora.name
        yield from _hash_facts(QueryField.LORA, lora.sha256)


def _hash_facts(field: QueryField, value: str) -> Iterator[CommitFact]:
    if value:
        yield field, value
        if len(value) > SHORT_HASH:
            yield field, value[:SHORT_HASH]


@lru_cache(maxsize=16_384)
def fact_hash(tenant: str, field: QueryField, value: str) -> int:
    """Return the hash by which the read models find a fact of a tenant's commits: 64 bits with a sign.

    Two facts may have one hash: what is found by it is compared with the commit itself.
    """
    digest = blake2b(f"{tenant}\0{field.value}\0{value}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
