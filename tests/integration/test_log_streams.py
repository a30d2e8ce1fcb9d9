"""Streams are created and checked; damage raises an error; an erased key is removed from disk."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from nats.aio.client import Client

from kinolog.adapters.jetstream import streams
from kinolog.adapters.jetstream.client.api_request import JetStreamApiError, api_request
from kinolog.adapters.jetstream.log.restore import restore
from kinolog.adapters.jetstream.provision import provision
from kinolog.adapters.jetstream.streams import (
    STREAMS_OF,
    StreamMismatch,
    StreamMissing,
    check_streams,
    stream_configs,
)
from kinolog.adapters.jetstream.subjects import EVENTS, Service
from kinolog.ports.event_store import Appended, DamagedLog, LogUnavailable
from kinolog.privacy.sealer import new_key
from kinolog_stack.servers.nats_server import NatsServer
from tests.fixtures.log import (
    all_of,
    connected,
    empty_streams,
    first_commit,
    given_job,
    given_jobs,
    job_name,
    open_stores,
)
from tests.fixtures.nats_cluster import NatsCluster


async def _update(client: Client, name: str, **changes: object) -> None:
    info = await api_request(client, f"$JS.API.STREAM.INFO.{name}")
    await api_request(client, f"$JS.API.STREAM.UPDATE.{name}", info["config"] | changes)


def test_provisioning_twice_changes_nothing(own_nats_server: NatsServer) -> None:
    """The command creates all streams, and run again it creates none; both times it succeeds."""
    command = [sys.executable, "-m", "kinolog.adapters.jetstream.provision"]
    env = os.environ | own_nats_server.settings_env(Service.ADMIN)
    first = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    again = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert all(name in first.stdout for name in STREAMS_OF[Service.ADMIN])
    assert again.stdout.endswith("created: none\n")


@pytest.mark.parametrize(
    ("setting", "value"),
    [("max_msgs", 10), ("discard", "old"), ("duplicate_window", 1_000_000_000), ("allow_direct", False)],
)
async def test_a_mismatch_is_refused_by_name(
    own_nats_server: NatsServer, setting: str, value: object
) -> None:
    """A stream with another setting is refused with its name, the setting, what is expected and what was found."""
    await empty_streams(own_nats_server)
    async with connected(own_nats_server, Service.ADMIN) as client:
        await _update(client, EVENTS, **{setting: value})
        with pytest.raises(StreamMismatch, match=setting) as refused:
            await provision(client, 1)
    assert (refused.value.stream, refused.value.setting, refused.value.found) == (EVENTS, setting, value)
    assert str(value) in str(refused.value) or value is False


def test_the_command_names_a_mismatch(own_nats_server: NatsServer) -> None:
    """The command exits with status 1 and a line with the reason."""

    async def spoil() -> None:
        await empty_streams(own_nats_server)
        async with connected(own_nats_server, Service.ADMIN) as client:
            await _update(client, "WORK", max_msgs_per_subject=7)

    asyncio.run(spoil())
    command = [sys.executable, "-m", "kinolog.adapters.jetstream.provision"]
    env = os.environ | own_nats_server.settings_env(Service.ADMIN)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "stream WORK: max_msgs_per_subject must be 1, but is 7" in done.stderr


async def test_a_missing_stream_is_named(own_nats_server: NatsServer) -> None:
    """A service that starts before the streams exist gets the name of the first, and the command to run."""
    async with connected(own_nats_server, Service.API) as client:
        with pytest.raises(StreamMissing, match=r"EVENTS does not exist.*provision"):
            await check_streams(client, 1, STREAMS_OF[Service.API])


async def test_too_few_replicas_are_refused(nats_cluster: NatsCluster) -> None:
    """Streams with one replica are refused if three are set."""
    await empty_streams(nats_cluster)
    async with connected(nats_cluster, Service.ADMIN) as client:
        await check_streams(client, 3, STREAMS_OF[Service.ADMIN])
        with pytest.raises(StreamMismatch, match="num_replicas must be 1, but is 3"):
            await check_streams(client, 1, [EVENTS])


async def test_a_hole_in_the_log_is_damage(own_nats_server: NatsServer) -> None:
    """Given a log that lost one commit in the middle, reading and following across it raise with the position."""
    async with connected(own_nats_server, Service.ADMIN) as client:
        config = replace(stream_configs(1)[EVENTS], deny_delete=False)
        await api_request(client, f"$JS.API.STREAM.CREATE.{EVENTS}", config.as_dict())
        async with open_stores(own_nats_server, Service.PROJECTOR) as stores:
            await given_jobs(stores.log, 5)
            await api_request(client, f"$JS.API.STREAM.MSG.DELETE.{EVENTS}", {"seq": 3})
            with pytest.raises(DamagedLog, match="lost position 3"):
                await all_of(stores.log.read(0))
            with pytest.raises(DamagedLog, match="lost position 3"):
                await all_of(stores.log.follow(2))
            assert len(await all_of(stores.log.read(3))) == 2


async def test_a_hole_in_a_history_is_damage(own_nats_server: NatsServer) -> None:
    """Given a job that lost a commit, its history raises instead of skipping it."""
    async with connected(own_nats_server, Service.ADMIN) as client:
        config = replace(stream_configs(1)[EVENTS], deny_delete=False)
        await api_request(client, f"$JS.API.STREAM.CREATE.{EVENTS}", config.as_dict())
        async with open_stores(own_nats_server, Service.API) as stores:
            job_id = await given_job(stores.log, commits=3)
            await api_request(client, f"$JS.API.STREAM.MSG.DELETE.{EVENTS}", {"seq": 2})
            with pytest.raises(DamagedLog, match="does not build on"):
                [recorded async for recorded in stores.log.history(job_id)]


async def test_foreign_bytes_in_the_log_are_damage(own_nats_server: NatsServer) -> None:
    """A message that is not a commit is refused with its position."""
    await empty_streams(own_nats_server)
    async with (
        connected(own_nats_server, Service.ADMIN) as client,
        open_stores(own_nats_server, Service.API) as stores,
    ):
        await api_request(client, "evt.job.foreign", {"not": "a commit"})
        with pytest.raises(DamagedLog, match="position 1"):
            await stores.log.load("foreign")


@pytest.mark.parametrize("size", [1_047_000, 1_100_000])
async def test_a_commit_that_is_too_large_is_refused(own_nats_server: NatsServer, size: int) -> None:
    """A commit larger than the server's limit is refused, and others of the call are stored."""
    await empty_streams(own_nats_server)
    commit = first_commit(job_name())
    huge = replace(commit, state=replace(commit.state, tenant="t" * size))
    others = [first_commit(job_name()) for _ in range(100)]
    async with open_stores(own_nats_server, Service.API) as stores:
        appends = map(stores.log.append, [*others[:50], huge, *others[50:]])
        answers = await asyncio.gather(*appends, return_exceptions=True)
        assert isinstance(answers.pop(50), ValueError)
        assert all(isinstance(answer, Appended) for answer in answers)


async def test_an_erased_key_leaves_the_disk(own_nats_server: NatsServer) -> None:
    """Given an erased key, none of the server's files contains its bytes."""
    await empty_streams(own_nats_server)
    erased, other = new_key(), new_key()
    job_id = job_name()
    async with open_stores(own_nats_server, Service.API) as stores:
        await stores.keys.create({job_id: erased, job_name(): other})
        await stores.keys.create({job_name(): new_key() for _ in range(30)})
        assert _on_disk(own_nats_server.folder, erased)
        await stores.keys.erase(job_id)
    await asyncio.to_thread(own_nats_server.stop)
    assert not _on_disk(own_nats_server.folder, erased)
    assert _on_disk(own_nats_server.folder, other)


def _on_disk(folder: Path, content: bytes) -> bool:
    return any(content in file.read_bytes() for file in folder.rglob("*") if file.is_file())


Rows = list[tuple[int, bytes]]


async def _archive(rows: Rows, size: int = 300) -> AsyncIterator[Sequence[tuple[int, bytes]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


async def _archived(server: NatsServer) -> tuple[str, Rows]:
    """A job, and a log of 1,103 commits as an archive holds it."""
    await empty_streams(server)
    async with open_stores(server, Service.API) as stores:
        await given_jobs(stores.log, 800)
        job_id = await given_job(stores.log, commits=3)
        await given_jobs(stores.log, 300)
        return job_id, [(r.position, r.raw) for r in await all_of(stores.log.read(0))]


async def test_an_archive_refills_an_empty_log(own_nats_server: NatsServer) -> None:
    """Given an archive and an empty log, every commit is restored to its old position, and appends continue."""
    job_id, rows = await _archived(own_nats_server)
    await empty_streams(own_nats_server)
    async with (
        connected(own_nats_server, Service.PROJECTOR) as client,
        open_stores(own_nats_server, Service.API) as stores,
    ):
        assert await restore(client, _archive(rows)) == 1103
        assert [(r.position, r.raw) for r in await all_of(stores.log.read(0))] == rows
        assert len([recorded async for recorded in stores.log.history(job_id)]) == 3
        await given_job(stores.log)
        assert await stores.log.last_position() == 1104


async def test_an_interrupted_restore_continues(own_nats_server: NatsServer) -> None:
    """Given a log that holds the beginning of the archive, only the rest is stored; a complete one is not changed."""
    _, rows = await _archived(own_nats_server)
    await empty_streams(own_nats_server)
    async with connected(own_nats_server, Service.PROJECTOR) as client:
        assert await restore(client, _archive(rows[:700])) == 700
        assert await restore(client, _archive(rows)) == 403
        assert await restore(client, _archive(rows)) == 0


async def test_a_restore_that_cannot_be_right_is_refused(own_nats_server: NatsServer) -> None:
    """An archive with a gap, with a changed byte, or of another log is refused, and nothing is overwritten."""
    _, rows = await _archived(own_nats_server)
    gap = rows[:9] + rows[10:]
    changed = [(p, raw[:-1] + bytes([raw[-1] ^ 1])) if p == 5 else (p, raw) for p, raw in rows]
    async with connected(own_nats_server, Service.PROJECTOR) as client:
        with pytest.raises(DamagedLog, match="nothing to restore"):
            await restore(client, _archive(rows[:50]))
        await empty_streams(own_nats_server, [EVENTS])
        with pytest.raises(DamagedLog, match="gap before position 11"):
            await restore(client, _archive(gap))
        with pytest.raises(DamagedLog, match="position 5 of the archive"):
            await restore(client, _archive(changed))
    async with (
        connected(own_nats_server, Service.PROJECTOR) as client,
        open_stores(own_nats_server, Service.API) as stores,
    ):
        assert await stores.log.last_position() == 0
        await given_job(stores.log)
        with pytest.raises(DamagedLog, match="another commit at 1"):
            await restore(client, _archive(rows))


async def test_a_restore_does_not_pass_over_a_hole(own_nats_server: NatsServer) -> None:
    """Given a log that lost a commit in the middle, restoring raises with its position."""
    _, rows = await _archived(own_nats_server)
    await empty_streams(own_nats_server)
    async with connected(own_nats_server, Service.ADMIN) as client:
        await api_request(client, f"$JS.API.STREAM.DELETE.{EVENTS}")
        config = replace(stream_configs(1)[EVENTS], deny_delete=False)
        await api_request(client, f"$JS.API.STREAM.CREATE.{EVENTS}", config.as_dict())
        assert await restore(client, _archive(rows)) == 1103
        await api_request(client, f"$JS.API.STREAM.MSG.DELETE.{EVENTS}", {"seq": 77})
        with pytest.raises(DamagedLog, match="lost position 77"):
            await restore(client, _archive(rows))


async def test_a_refusal_to_state_a_stream_is_no_other_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that refuses the request, for a while or for good, makes the check raise `LogUnavailable`."""
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.0)
    for status in (503, 500):

        async def refuse(*_: object, code: int = status) -> dict[str, object]:
            raise JetStreamApiError("the info", {"err_code": 10008, "code": code, "description": "no quorum"})

        monkeypatch.setattr(streams, "api_request", refuse)
        with pytest.raises(LogUnavailable, match="no quorum"):
            await check_streams(Client(), 1, [EVENTS])
