"""Every method of both clients against a real gateway."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2
from kinolog_client import InvalidRequest, JobSelection, TimeSpan, VideoLora, VideoRequest, VideoScene
from tests.unit.client.either_client import EitherClient
from tests.unit.gateway import canned
from tests.unit.gateway.conftest import RunningGateway
from tests.unit.gateway.recording_api import RecordingApi


def completed_job(api: RecordingApi) -> pb.Job:
    """A completed job with a video, a thumbnail and a preview."""
    kinds = (pb.ARTIFACT_KIND_THUMBNAIL, pb.ARTIFACT_KIND_PREVIEW)
    files = [canned.artifact(), *(canned.artifact(kind, b"picture") for kind in kinds)]
    job = canned.completed(api.add_job(), *files)
    job.scenes[1].artifact.CopyFrom(canned.artifact(pb.ARTIFACT_KIND_SCENE, b"scene"))
    api.files[job.id, pb.ARTIFACT_KIND_VIDEO, 0] = canned.VIDEO
    for kind in kinds:
        api.files[job.id, kind, 0] = b"picture"
    api.files[job.id, pb.ARTIFACT_KIND_SCENE, 1] = b"scene"
    job.scenes[1].thumbnail.CopyFrom(canned.artifact(pb.ARTIFACT_KIND_SCENE_THUMBNAIL, b"picture"))
    api.files[job.id, pb.ARTIFACT_KIND_SCENE_THUMBNAIL, 1] = b"picture"
    return api.commit(job, "completed")


async def test_generate_sends_every_field(client: EitherClient, api: RecordingApi) -> None:
    """Every argument of a submission reaches the api, and the answer is the job."""
    done = await client.call(
        "generate",
        canned.PROMPT,
        negative_prompt="blurry",
        priority="high",
        style="cinematic",
        duration=2,
        model="kinolog-tiny",
        size="256x128",
        fps=8,
        steps=20,
        guidance=4.5,
        seed=0,
        max_attempts=2,
        webhook="https://example.org/done",
        codec="av1",
        crf=30,
        start_after=datetime(2030, 12, 24, 22, tzinfo=UTC),
        start_timeout_seconds=90,
        variants=3,
        title="Rain",
        chained=True,
        upscaler="sharp-x2",
        loras=[VideoLora("ink", 0.5), VideoLora("oil")],
        profile="turbo",
        interpolate_fps=16,
        request_id="r-1",
    )
    (sent,) = api.requests("SubmitJob")
    assert (sent.prompt, sent.negative_prompt, sent.style) == (canned.PROMPT, "blurry", "cinematic")
    assert (sent.duration_seconds, sent.width, sent.height, sent.fps) == (2.0, 256, 128, 8)
    assert (sent.steps, sent.guidance, sent.seed, sent.HasField("seed")) == (20, 4.5, 0, True)
    assert (sent.request_id, sent.webhook, sent.max_attempts) == ("r-1", "https://example.org/done", 2)
    assert (sent.codec, sent.crf, sent.title, sent.chained) == ("av1", 30, "Rain", True)
    assert (sent.start_after.ToJsonString(), sent.start_timeout_seconds) == ("2030-12-24T22:00:00Z", 90)
    assert (sent.upscaler, sent.interpolate_fps) == ("sharp-x2", 16)
    assert sent.profile == "turbo"
    assert list(sent.loras) == [
        job_service_pb2.LoraReference(name="ink", weight=0.5),
        job_service_pb2.LoraReference(name="oil"),
    ]
    assert (done.created, done.status, done.job.prompt) == (True, "queued", canned.PROMPT)
    assert done.position == api.position
    assert [job.variant for job in done.variants] == [None, 2, 3]


async def test_a_plan_is_read_to_the_last_field(
    client: EitherClient, gateway: RunningGateway, api: RecordingApi
) -> None:
    """It sends what a submission sends, and makes no job."""
    request = VideoRequest(prompt=canned.PROMPT, seed=7)
    plan = await client.call("plan", request)
    assert plan.to_json() == (await gateway.client.post("/api/v1/plan", json=request.body())).json()
    assert (plan.scenes[0].ignored_words, plan.estimated_seconds) == (("zeppelin",), 12.5)
    assert not api.requests("SubmitJob")


async def test_scenes_and_shots_are_sent(client: EitherClient, api: RecordingApi) -> None:
    """Scenes go out with what they have; with them no prompt is needed. Shots are a word."""
    scenes = [
        VideoScene(prompt="a star", duration=2, transition="fade", seed=0),
        VideoScene(prompt="a ring", duration=1),
    ]
    await client.call("generate", scenes=scenes)
    await client.call("generate", "noir", scenes=tuple(scenes))
    await client.call("submit", VideoRequest(prompt="A star. Then a ring.", shots="auto"))
    first, second, third = api.requests("SubmitJob")
    assert [(scene.prompt, scene.duration_seconds) for scene in first.scenes] == [
        ("a star", 2.0),
        ("a ring", 1.0),
    ]
    assert [(scene.transition, scene.HasField("seed")) for scene in first.scenes] == [
        (job_service_pb2.TRANSITION_FADE, True),
        (job_service_pb2.TRANSITION_UNSPECIFIED, False),
    ]
    assert (first.prompt, second.prompt, second.scenes) == ("", "noir", first.scenes)
    assert (third.shots, len(third.scenes)) == (job_service_pb2.SHOTS_AUTO, 0)


async def test_a_wrong_scene_is_named(client: EitherClient, api: RecordingApi) -> None:
    """The error has the field and the number of the scene."""
    with pytest.raises(InvalidRequest) as refusal:
        await client.call("generate", scenes=[VideoScene(prompt="a star"), VideoScene(prompt=" ")])
    assert [violation.field for violation in refusal.value.violations] == ["scenes[1].prompt"]
    assert "(scene 2)" in str(refusal.value)
    assert not api.requests("SubmitJob")


async def test_the_same_request_id_makes_one_job(client: EitherClient) -> None:
    """A submission that is sent again finds the job that it made."""
    request = VideoRequest(prompt="x", frames=9)
    first = await client.call("submit", request, request_id="once")
    again = await client.call("submit", request, request_id="once")
    assert (first.created, again.created) == (True, False)
    assert first.job_id == again.job_id


@pytest.mark.parametrize(
    ("method", "called", "status"),
    [
        ("cancel", "CancelJob", "cancelled"),
        ("retry", "RetryJob", "queued"),
        ("prefetch", "PrefetchJob", "queued"),
        ("pause", "PauseJob", "queued"),
        ("resume", "ResumeJob", "queued"),
        ("erase", "EraseJob", "queued"),
    ],
)
async def test_commands_carry_a_request_id(
    client: EitherClient, api: RecordingApi, method: str, called: str, status: str
) -> None:
    """A command has the request id of the argument, else one of its own."""
    job = api.add_job()
    done = await client.call(method, job.id)
    await client.call(method, job.id, request_id="k")
    first, second = api.requests(called)
    assert (first.job_id, len(first.request_id), second.request_id) == (job.id, 32, "k")
    assert (done.job_id, done.status) == (job.id, status)


async def test_cancel_with_a_reason_and_another_priority(client: EitherClient, api: RecordingApi) -> None:
    """The reason of a cancellation and the new priority reach the api."""
    job = api.add_job()
    await client.call("cancel", job.id, reason="wrong colour")
    done = await client.call("reprioritize", job.id, "critical")
    assert api.requests("CancelJob")[0].reason == "wrong colour"
    assert done.job.priority == "critical"


async def test_a_reproduction(client: EitherClient, api: RecordingApi) -> None:
    """The answer is the new job with what it reproduces; the comparison is read to the last field."""
    difference = pb.RuntimeDifference(name="device", original="cuda:0", reproduction="cpu")
    original = api.add_job()
    original.reproduction.frames.CopyFrom(
        pb.FrameComparison(psnr_db=41.5, ssim=0.98, first_frame=5, different_frames=12)
    )
    original.reproduction.differences.append(difference)
    api.commit(canned.completed(original), "completed")
    done = await client.call("reproduce", original.id, priority="high", request_id="again")
    (request,) = api.requests("ReproduceJob")
    assert (request.request_id, request.priority) == ("again", pb.PRIORITY_HIGH)
    assert (done.created, done.job.reproduces) == (True, original.id)
    found = done.job.reproduction
    assert (found.identical, found.original_frame_hash, found.trouble) == (False, None, None)
    assert (found.frames.psnr_db, found.frames.ssim) == (41.5, 0.98)
    assert (found.frames.first_frame, found.frames.different_frames) == (5, 12)
    assert found.differences[0].to_json() == {"name": "device", "original": "cuda:0", "reproduction": "cpu"}


async def test_bulk_by_ids_and_by_filter(client: EitherClient, api: RecordingApi) -> None:
    """A bulk command has a result per job; a filter is sent in the gateway's words."""
    job = api.add_job()
    done = await client.call("bulk", "cancel", [job.id, "z" * 26], reason="tidy")
    assert (done.succeeded, done.failed, done.position) == (1, 1, api.position)
    assert [(result.ok, result.status) for result in done.results] == [(True, "cancelled"), (False, None)]
    assert done.results[1].error is not None
    assert done.results[1].error["reason"] == "JOB_NOT_FOUND"
    selection = JobSelection(
        statuses=("failed",), span=TimeSpan(date_range="this_week"), variant_of=job.id, startable=True
    )
    await client.call("bulk", "reprioritize", selection=selection, priority="high")
    (sent,) = api.requests("BulkReprioritizeJobs")
    assert list(sent.selection.filter.statuses) == [pb.STATUS_FAILED]
    assert (sent.selection.filter.variant_of, sent.selection.filter.startable) == (job.id, True)
    await client.call("jobs", selection)
    assert api.requests("ListJobs")[0].filter == sent.selection.filter


async def test_a_job_is_read_with_everything(client: EitherClient, api: RecordingApi) -> None:
    """A status has the attempts, stages, files and links, and gives back the JSON that it was read from."""
    job = completed_job(api)
    found = await client.call("status", job.id)
    assert (found.status, found.ended, found.position) == ("completed", True, job.position)
    assert found.media is not None
    assert (found.media.codec, len(found.artifacts)) == ("h264", 3)
    assert found.media.sound == "aac, 24 kHz, stereo"
    assert found.links.video == f"/api/v1/result/{job.id}/video"


async def test_models_give_back_the_json_of_the_gateway(
    client: EitherClient, gateway: RunningGateway, api: RecordingApi
) -> None:
    """`to_json` is what the gateway answered, to the last field."""
    job = completed_job(api)
    reads = {
        "status": "status",
        "storyboard": "storyboard",
        "history": "events",
        "result": "result",
        "verify": "audit",
    }
    for method, route in reads.items():
        answer = await client.call(method, job.id)
        assert answer.to_json() == (await gateway.client.get(f"/api/v1/{route}/{job.id}")).json(), method
    assert (await client.call("jobs")).to_json() == (await gateway.client.get("/api/v1/jobs")).json()


async def test_jobs_are_listed_page_by_page(client: EitherClient, api: RecordingApi) -> None:
    """The filter and the order reach the api."""
    for _ in range(3):
        api.add_job()
    selection = JobSelection(
        statuses=("queued", "failed"),
        priorities=("high",),
        models=("kinolog-tiny",),
        styles=("cinematic",),
        text="circle",
    )
    page = await client.call("jobs", selection, sort="priority", order="asc", limit=2, min_position=1)
    (sent,) = api.requests("ListJobs")
    assert list(sent.filter.statuses) == [pb.STATUS_QUEUED, pb.STATUS_FAILED]
    assert list(sent.filter.priorities) == [pb.PRIORITY_HIGH]
    assert (list(sent.filter.models), sent.filter.text) == (["kinolog-tiny"], "circle")
    assert (sent.order_by, sent.page_size, sent.min_position) == ("priority asc", 2, 1)
    assert (len(page.jobs), page.next_cursor, page.summary.queued) == (2, "more", 3)
    await client.call("jobs", cursor=page.next_cursor)
    assert api.requests("ListJobs")[1].page_token == "more"
    await client.call("jobs", offset=2)
    assert api.requests("ListJobs")[2].offset == 2


async def test_parts_of_a_job(client: EitherClient, api: RecordingApi) -> None:
    """Scenes, log lines, history up to a position, manifest and proof."""
    job = completed_job(api)
    api.lines[job.id] = [canned.line(job, number) for number in range(1, 6)]
    assert [scene.index for scene in (await client.call("storyboard", job.id)).scenes] == [0, 1]
    lines = await client.call("logs", job.id, limit=2, after=2, level="info")
    assert [line.sequence for line in lines.entries] == [3, 4]
    history = await client.call("history", job.id, as_of=1)
    assert [commit.position for commit in history.commits] == [1]
    assert len((await client.call("history", job.id)).commits) == 2
    assert (await client.call("manifest", job.id)).record.commits == 2
    proof = await client.call("verify", job.id)
    assert [check.holds for check in proof.checks] == [True, False]
    assert not proof.valid
    assert (await client.call("result", job.id)).artifacts[0].sha256 == canned.HASH
    facts = await client.call("video_info", job.id)
    assert (facts.size_bytes, facts.sha256, facts.media_type) == (len(canned.VIDEO), canned.HASH, "video/mp4")


async def test_the_tree_over_all_commits(client: EitherClient, api: RecordingApi) -> None:
    """Signed heads, tiles, and proofs of commits and trees."""
    job = completed_job(api)
    assert (await client.call("tree_head")).size == 20
    assert (await client.call("tree_head_by_number", 2)).size == 8
    page = await client.call("tree_heads", after=1, limit=1)
    assert ([head.number for head in page.heads], page.next_after) == ([2], 2)
    assert len(page.heads[0].consistency) == 4
    tile = await client.call("tree_tile", 0, 0)
    assert (tile.level, tile.index, len(base64.b64decode(tile.hashes))) == (0, 0, 20 * 32)
    proof = await client.call("prove_job", job.id, sequence=1, tree_size=8)
    assert (proof.position, proof.tree_size, len(proof.hashes), proof.head.number) == (1, 8, 3, 2)
    assert (await client.call("prove_position", 20)).hashes[0] != proof.hashes[0]
    between = await client.call("prove_consistency", 3, 5)
    assert (between.old_head.size, between.new_head) == (3, None)


async def test_certificates_of_erasure(client: EitherClient, api: RecordingApi) -> None:
    """They are listed, narrowed, and read with their text. Jobs are erased as one erasure."""
    page = await client.call("erasures", after=1, limit=7, erasure_id="e" * 26, job_id="a" * 26)
    assert ([one.number for one in page.certificates], page.next_after) == ([2], 2)
    (request,) = api.requests("ListErasures")
    assert (request.after, request.page_size, request.erasure_id, request.named_job_id) == (
        1,
        7,
        "e" * 26,
        "a" * 26,
    )
    assert (await client.call("erasures", after=2)).next_after is None
    one = await client.call("erasure", 2)
    assert (one.number, one.jobs, one.files, one.actor, one.note) == (2, 2, 6, "ada", "a signed text\n")
    job = completed_job(api)
    await client.call("erase", job.id, erasure_id="e" * 26)
    await client.call("bulk", "erase", [job.id], erasure_id="f" * 26, dry_run=True)
    assert api.requests("EraseJob")[0].erasure_id == "e" * 26
    (bulk,) = api.requests("BulkEraseJobs")
    assert (bulk.erasure_id, bulk.dry_run) == ("f" * 26, True)


async def test_numbers_and_catalogue(client: EitherClient, api: RecordingApi) -> None:
    """Charts, counts, activity, models and workers."""
    api.add_job()
    assert (await client.call("overview", "today")).submitted == 5
    span = TimeSpan(start=canned.at(0).ToDatetime().astimezone())
    assert (await client.call("success_rates", span)).rates[0].rate == 0.75
    assert (await client.call("stage_times")).stages[0].stage == "denoise"
    assert (await client.call("queue_depth", "today", bucket_seconds=60)).points[0].peak_queued == 5
    assert api.requests("GetQueueDepth")[0].bucket_seconds == 60
    assert (await client.call("trends")).points[0].submitted == 4
    counts = await client.call("status_distribution", JobSelection(models=("x",)), min_position=1)
    assert (counts.total, counts.position) == (1, 1)
    assert (await client.call("activity", limit=5, before=9)).next_before == 9
    assert (await client.call("models")).models[0].defaults.size == "256x256"
    assert (await client.call("workers")).workers[0].memory_total_bytes == 8_000_000_000
    api.alarms.append(canned.alarm())
    (alarm,) = (await client.call("alarms")).alarms
    assert (alarm.name, alarm.severity, alarm.text) == ("storage-full", "refuse_writes", "make room")


async def test_the_gateway_itself(client: EitherClient, api: RecordingApi) -> None:
    """Health, readiness, whether it requires keys, and its documents."""
    assert (await client.call("health")).status == "ok"
    assert await client.call("ready") is True
    usage = await client.call("usage")
    assert (usage.queued_jobs, usage.cost_of_day, usage.limits.weight) == (3, 1_200, 2.0)
    assert (usage.limits.max_queued_jobs, usage.limits.max_job_cost) == (10, None)
    assert (usage.limits.priorities, usage.limits.reads, usage.limits.writes) == (("low",), "5/second", None)
    assert await client.call("requires_key") is False
    assert "/api/v1/jobs" in (await client.call("openapi"))["paths"]
    assert (await client.call("asyncapi"))["asyncapi"].startswith("3")
    api.alarms.append(canned.alarm())
    assert await client.call("ready") is False
    api.alarms.clear()
    await api.stop()
    assert await client.call("ready") is False
