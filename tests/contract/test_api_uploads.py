"""UploadInput: files that jobs can start from, sealed where they are stored, and deleted when they expire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import grpc
import pytest
from kinolog_api.dependencies import InputLimits
from kinolog_api.inputs import upload_input
from kinolog_api.inputs.live_video_sweep import LiveVideoSweep
from kinolog_api.inputs.store_sweep import StoreSweep
from kinolog_api.inputs.upload_quota import ArrivingUpload, UploadQuota
from kinolog_api.inputs.uploads import DERIVED_FROM, Uploads
from kinolog_api.rpc.errors import RpcError

from kinolog.ports.alarms import STORAGE_FULL, Alarm, AlarmSeverity
from kinolog.ports.artifacts import ArtifactsUnavailable
from kinolog.process.api_keys import KeyHolder
from kinolog.tenants.followed_file import FollowedPolicies
from kinolog.tenants.policy import TenantPolicies, TenantPolicy
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import RunningApi, refused, running_api
from tests.builders.uploaded_files import WEBM, parts, picture, uploaded
from tests.fixtures.waits import until_true

OTHER = (("x-kinolog-tenant", "other"),)
LIMITS = InputLimits(max_bytes=1_000_000, max_pixels=100_000, upload_seconds=3_600)


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api over memory that takes small files."""
    async with running_api(input_limits=LIMITS) as running:
        yield running


def _stored(api: RunningApi) -> list[bytes]:
    return list(api.uploads._artifacts.values())


def _keys(api: RunningApi) -> set[str]:
    """Return the ids of the keys of uploads: those that the pool of keys did not make."""
    return {content[:26].decode() for content in _stored(api)}


def _sweep(api: RunningApi) -> StoreSweep:
    uploads = Uploads(api.uploads, api.keys, LIMITS, api.clock)
    live_videos = LiveVideoSweep(api.artifacts.live_videos, api.store)
    return StoreSweep(uploads, api.artifacts, live_videos, api.store, api.clock)


async def test_a_refused_upload_says_why() -> None:
    """Also one that is refused before its first byte is read, and that is larger than what lies in buffers."""
    policies = TenantPolicies(default=TenantPolicy(uploads="1/hour"))
    async with running_api(policies=FollowedPolicies(without_file=policies)) as api:
        await api.jobs.UploadInput(parts(picture()))
        problem = await refused(api.jobs.UploadInput(parts(bytes(20 << 20))))
        assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RATE_LIMITED")
    async with running_api({b"no key has this hash": KeyHolder()}) as locked:
        problem = await refused(locked.jobs.UploadInput(parts(bytes(20 << 20))))
        assert (problem.code, problem.reason) == (grpc.StatusCode.UNAUTHENTICATED, "KEY_REQUIRED")


async def test_a_picture_is_uploaded(api: RunningApi) -> None:
    """The answer says what it is. What is stored is sealed, under a key that is stored too."""
    content = picture()
    stated = parts(content, size_bytes=len(content), sha256=sha256(content).hexdigest())
    found = (await api.jobs.UploadInput(stated)).upload
    assert (found.media_type, found.size_bytes) == ("image/png", len(content))
    assert (found.sha256, found.width, found.height) == (sha256(content).hexdigest(), 160, 120)
    lifetime = found.expires_at.ToDatetime() - api.clock.now.replace(tzinfo=None)
    assert timedelta(minutes=50) < lifetime <= timedelta(hours=1)
    (stored,) = _stored(api)
    assert content[200:240] not in stored
    assert all([await api.keys.get(key_id) for key_id in _keys(api)])


async def test_a_clip_is_uploaded(api: RunningApi) -> None:
    """A clip has no size before it is decoded."""
    found = await uploaded(api, WEBM)
    assert (found.media_type, found.width, found.height) == ("video/webm", 0, 0)


async def test_the_same_file_is_one_upload(api: RunningApi) -> None:
    """It replaces the earlier one, whose key is gone, and expires later. Also if both are sent at once."""
    first = await uploaded(api, picture())
    (key_id,) = _keys(api)
    again = await uploaded(api, picture())
    assert (again.id, again.expires_at.seconds > first.expires_at.seconds) == (first.id, True)
    assert len(_stored(api)) == 1
    assert await api.keys.get(key_id) is None
    await asyncio.gather(*(uploaded(api, picture()) for _ in range(5)))
    assert len(_stored(api)) == 1
    other = await uploaded(api, picture(1))
    assert other.id != first.id


async def test_an_id_tells_nothing_of_the_content(api: RunningApi) -> None:
    """Two tenants have two ids for the same file, and another installation has others: they come from its secret."""
    mine, theirs = await uploaded(api, picture()), await uploaded(api, picture(), OTHER)
    assert mine.id != theirs.id
    assert len(_stored(api)) == 2
    async with running_api(input_limits=LIMITS) as elsewhere:
        assert (await uploaded(elsewhere, picture())).id != mine.id
    assert await api.keys.get(DERIVED_FROM) is not None


WRONG: dict[str, tuple[Iterable[pb.UploadInputRequest], str, str]] = {
    "no picture": (parts(b"GIF89a" + bytes(100)), "INPUT_UNSUPPORTED", "file: is not a PNG, JPEG or WebP"),
    "nothing": (parts(b""), "INPUT_UNSUPPORTED", "is not a PNG"),
    "too large": (parts(picture() + bytes(1_000_000)), "INPUT_TOO_LARGE", "has more than 1,000,000 bytes"),
    "said to be too large": (
        parts(picture(), size_bytes=2_000_000), "INPUT_TOO_LARGE", "has 2,000,000 bytes, and at most 1,000,000",
    ),
    "too many pixels": (parts(picture(2, 400, 300)), "INPUT_TOO_LARGE", "has 400x300 pixels, and at most 100,000"),
    "another size": (parts(picture(), size_bytes=7), "INPUT_TORN", "bytes and not 7; send it again"),
    "another hash": (parts(picture(), sha256="0" * 64), "INPUT_TORN", "another SHA-256"),
    "no hash": (parts(picture(), sha256="none"), "INVALID_FIELDS", "end.sha256: "),
    "no end": (list(parts(picture()))[:-1], "INPUT_TORN", "did not arrive to its end"),
    "no message": ([], "INVALID_FIELDS", "file: must be in the first message"),
    "no file": (list(parts(picture()))[1:], "INVALID_FIELDS", "file: must be in the first message"),
    "two files": (list(parts(picture()))[:-1] * 2, "INVALID_FIELDS", "data: must be in every message but"),
    "a large part": (parts(picture(3, 700, 700), size=1_100_000), "INVALID_FIELDS", "1 to 1,048,576 bytes"),
    "an empty part": (
        [*list(parts(picture()))[:-1], pb.UploadInputRequest(data=b"")], "INVALID_FIELDS", "must have 1 to",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_file_is_refused(api: RunningApi, name: str) -> None:
    """The error says what is wrong and what to do. Nothing stays stored, neither the file nor its key."""
    messages, reason, text = WRONG[name]
    pool = api.server._job_service.key_pool
    await until_true(lambda: pool._ready and pool._refilling is None, "the keys in advance are stored")
    known = set(api.keys._keys)
    problem = await refused(api.jobs.UploadInput(iter(messages)))
    assert (problem.code, problem.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert text in problem.message
    assert (_stored(api), api.uploads._temporaries) == ([], {})
    assert set(api.keys._keys) <= known | {DERIVED_FROM}


async def test_what_is_no_picture_never_has_a_key(api: RunningApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is three writes to the log: none for a file that is refused by its first bytes."""
    await uploaded(api, picture())
    made: list[Iterable[str]] = []
    create = api.keys.create

    async def noted(keys: dict[str, bytes]) -> dict[str, bytes]:
        made.append(set(keys) - {DERIVED_FROM})
        return await create(keys)

    monkeypatch.setattr(api.keys, "create", noted)
    await refused(api.jobs.UploadInput(parts(b"GIF89a" + bytes(200_000))))
    assert not any(made)
    await uploaded(api, picture(1))
    assert len([keys for keys in made if keys]) == 1


async def test_a_client_that_goes_leaves_nothing(api: RunningApi) -> None:
    """An upload that ends half-way is no upload."""
    sent = asyncio.Event()

    async def half() -> AsyncIterator[pb.UploadInputRequest]:
        for part in list(parts(picture()))[:2]:
            yield part
        sent.set()
        await asyncio.Event().wait()

    call = api.jobs.UploadInput(half())
    await sent.wait()
    call.cancel()
    await uploaded(api, picture(1))
    assert len(_stored(api)) == 1


@pytest.mark.parametrize(
    ("limit", "text"), [("PART_SECONDS", "no part"), ("WHOLE_SECONDS", "did not arrive")]
)
async def test_a_file_that_does_not_end_in_time_is_refused(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch, limit: str, text: str
) -> None:
    """Neither a client that sends nothing more keeps its call, nor one that sends little by little."""
    monkeypatch.setattr(upload_input, limit, 0.0)
    problem = await refused(api.jobs.UploadInput(parts(picture())))
    assert (problem.code, problem.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "UPLOAD_STALLED")
    assert text in problem.message
    assert _stored(api) == []


async def test_a_store_that_is_away_is_no_fault_of_the_file(
    api: RunningApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client may send the file again, and is told when."""

    async def away(*_: object) -> None:
        raise ArtifactsUnavailable("no answer")

    monkeypatch.setattr(api.uploads, "commit", away)
    problem = await refused(api.jobs.UploadInput(parts(picture())))
    assert (problem.code, problem.reason) == (grpc.StatusCode.UNAVAILABLE, "ARTIFACTS_UNAVAILABLE")
    assert problem.retry_seconds


async def test_a_full_disk_takes_no_uploads(api: RunningApi) -> None:
    """As it takes no jobs."""
    severity = AlarmSeverity.REFUSE_WRITES
    await api.alarms.raise_alarm(
        Alarm(name=STORAGE_FULL, severity=severity, text="full", source="test", since=api.clock())
    )
    problem = await refused(api.jobs.UploadInput(parts(picture())))
    assert problem.reason == "STORAGE_FULL"


async def test_the_uploads_of_a_tenant_have_a_limit_together() -> None:
    """Those that wait count until they are deleted. Other tenants have room of their own."""
    size = len(picture(0))
    async with running_api(input_limits=replace(LIMITS, tenant_bytes=2 * size + 2_000)) as api:
        for number in range(2):
            await uploaded(api, picture(number))
        for stated in (0, size):
            problem = await refused(api.jobs.UploadInput(parts(picture(3), size_bytes=stated)))
            assert (problem.code, problem.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "UPLOADS_FULL")
            assert problem.retry_seconds
        assert (len(_stored(api)), api.uploads._temporaries) == (2, {})
        await uploaded(api, picture(3), OTHER)
        api.clock.now += timedelta(hours=2)
        await _sweep(api).sweep()
        await uploaded(api, picture(3))


async def test_uploads_that_arrive_at_the_same_time_count_together() -> None:
    """Also those that began before the others were stored. One that was refused counts no more."""

    async def none_waits(_: str) -> int:
        return 0

    async def content(size: int) -> AsyncIterator[bytes]:
        yield bytes(size)

    async def arrive(upload: ArrivingUpload, size: int) -> int:
        return sum([len(piece) async for piece in upload.counted(content(size))])

    quota = UploadQuota(none_waits, 10)
    async with quota.arriving("mine", 0) as late, quota.arriving("other", 0) as other:
        async with quota.arriving("mine", 6) as stored:
            assert await arrive(stored, 6) == 6
            with pytest.raises(RpcError, match="may have 10 bytes together"):
                await arrive(late, 5)
            stored.stored = True
        with pytest.raises(RpcError, match="and they have 6"):
            await arrive(late, 5)
        async with quota.arriving("other", 0) as refused_one:
            assert await arrive(refused_one, 9) == 9
        assert (await arrive(other, 10), await arrive(late, 4)) == (10, 4)


async def test_expired_uploads_are_deleted(api: RunningApi) -> None:
    """With their keys, and none before its time. A foreign file in the store hinders nothing."""
    await uploaded(api, picture(0))
    (old,) = _keys(api)
    api.clock.now += timedelta(minutes=50)
    await uploaded(api, picture(1))
    await _sweep(api).sweep()
    assert len(_stored(api)) == 2
    api.clock.now += timedelta(minutes=20)
    api.uploads._artifacts["uploads/.DS_Store"] = b"of a file manager"
    await _sweep(api).sweep()
    del api.uploads._artifacts["uploads/.DS_Store"]
    (young,) = _keys(api)
    assert (await api.keys.get(old), young != old) == (None, True)
    assert await api.keys.get(young) is not None


async def test_the_key_of_an_interrupted_upload_is_deleted(api: RunningApi) -> None:
    """With what was written of it, once it is a day old."""
    await uploaded(api, picture())
    (key_id,) = _keys(api)
    await api.keys.create({"interrupted": b"k" * 32})

    async def begun() -> AsyncIterator[bytes]:
        yield b"interrupted"

    await api.uploads.stage(begun(), "interrupted")
    await _sweep(api).sweep()
    assert await api.keys.get("interrupted") is not None
    api.clock.now += timedelta(days=1, minutes=1)
    await uploaded(api, picture())
    await _sweep(api).sweep()
    assert await api.keys.get("interrupted") is None
    assert await api.keys.get(key_id) is None
    assert len(_keys(api)) == 1
