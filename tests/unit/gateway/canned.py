"""Responses of the recording api, with every field filled in, so that no field is lost unnoticed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.v1 import access_pb2
from kinolog.v1 import analytics_service_pb2 as analytics
from kinolog.v1 import audit_service_pb2 as audit
from kinolog.v1 import event_pb2 as events
from kinolog.v1 import job_pb2 as pb
from kinolog.v1 import job_service_pb2 as jobs

PROMPT = "a red circle moving right on a blue background"
VIDEO = bytes(range(256)) * 1_000
HASH = sha256(VIDEO).hexdigest()


def at(second: int) -> Timestamp:
    """Return a time on the day of these tests."""
    stamp = Timestamp()
    stamp.FromDatetime(datetime(2026, 11, 22, 15, 0, second, tzinfo=UTC))
    return stamp


def job(id: str, prompt: str = PROMPT, **fields: Any) -> pb.Job:  # noqa: A002 - the field's name
    """A queued job."""
    spec = pb.JobSpec(
        prompt=prompt,
        model="kinolog-tiny",
        width=256,
        height=128,
        frames=16,
        fps=8,
        steps=20,
        guidance=4.0,
        seed=7,
        style="cinematic",
    )
    values = {
        "tenant": "default",
        "actor": "ada",
        "request_id": "r1",
        "status": pb.STATUS_QUEUED,
        "priority": pb.PRIORITY_MEDIUM,
        "queue_position": 3,
        "created_at": at(0),
        "updated_at": at(0),
        "scenes": [scene(0), scene(1)],
        "scene_count": 2,
        **fields,
    }
    return pb.Job(id=id, spec=spec, **values)


def scene(index: int) -> pb.Scene:
    """A scene of one second."""
    return pb.Scene(
        index=index,
        prompt=f"scene {index}",
        start_seconds=float(index),
        duration_seconds=1.0,
        frames=8,
        camera="pan left",
        transition="cut",
        seed=7 + index,
        status=pb.STATUS_QUEUED,
    )


def artifact(kind: pb.ArtifactKind.ValueType = pb.ARTIFACT_KIND_VIDEO, data: bytes = VIDEO) -> pb.Artifact:
    """A stored file."""
    digest = sha256(data).hexdigest()
    return pb.Artifact(
        kind=kind,
        key=f"sha256/{digest}",
        sha256=digest,
        size_bytes=len(data),
        media_type="video/mp4" if kind == pb.ARTIFACT_KIND_VIDEO else "image/webp",
    )


def started(job: pb.Job, attempt: int = 1) -> pb.Job:
    """Return the job after a worker started it."""
    changed = pb.Job()
    changed.CopyFrom(job)
    changed.ClearField("queue_position")
    changed.status, changed.attempt, changed.worker = pb.STATUS_PROCESSING, attempt, "worker-1"
    changed.stage, changed.scene = pb.STAGE_DENOISE, 0
    changed.started_at.CopyFrom(at(5))
    changed.attempts.add(
        number=attempt, worker="worker-1", hardware="cpu", libraries={"torch": "2.13"}, started_at=at(5)
    )
    changed.stages.add(stage=pb.STAGE_PREFETCH, started_at=at(5), seconds=1.0, percent=100.0)
    changed.stages.add(stage=pb.STAGE_DENOISE, scene=0, started_at=at(6))
    return changed


def completed(job: pb.Job, *artifacts: pb.Artifact) -> pb.Job:
    """Return the job after its video was stored."""
    changed = pb.Job()
    changed.CopyFrom(job)
    changed.status, changed.percent, changed.gpu_seconds = pb.STATUS_COMPLETED, 100.0, 9.5
    changed.finished_at.CopyFrom(at(15))
    changed.artifacts.extend(artifacts or [artifact()])
    changed.media.CopyFrom(
        pb.MediaFacts(
            width=256,
            height=128,
            frames=16,
            fps=8.0,
            duration_seconds=2.0,
            codec="h264",
            pixel_format="yuv420p",
            frame_hash="ab" * 32,
            audio_codec="aac",
            audio_sample_rate=24000,
            audio_channels=2,
        )
    )
    return changed


def failed(job: pb.Job) -> pb.Job:
    """Return the job after its last attempt failed."""
    changed = pb.Job()
    changed.CopyFrom(job)
    changed.status = pb.STATUS_FAILED
    changed.finished_at.CopyFrom(at(15))
    changed.error.CopyFrom(
        pb.JobError(code="OUT_OF_MEMORY", message="ask for a smaller size", retryable=True)
    )
    return changed


def progress(job: pb.Job, step: int, attempt: int = 1) -> pb.Progress:
    """A denoising step that is finished."""
    return pb.Progress(
        job_id=job.id,
        attempt=attempt,
        stage=pb.STAGE_DENOISE,
        scene=0,
        scenes=2,
        step=step,
        steps=20,
        percent=step * 2.5,
        eta_seconds=20.0 - step,
        at=at(7),
        worker="worker-1",
    )


def line(job: pb.Job, sequence: int) -> pb.LogEntry:
    """A log line."""
    return pb.LogEntry(
        job_id=job.id,
        attempt=1,
        at=at(7),
        level=pb.LOG_LEVEL_INFO,
        message=f"line {sequence}",
        sequence=sequence,
    )


def preview(job: pb.Job, step: int) -> pb.Preview:
    """A preview image."""
    return pb.Preview(
        job_id=job.id, attempt=1, scene=0, step=step, media_type="image/jpeg", image=b"\xff\xd8", at=at(7)
    )


def counts(all_jobs: list[pb.Job]) -> dict[str, int]:
    """Return job counts by status."""
    by_status = Counter(job.status for job in all_jobs)
    named = {
        "queued": pb.STATUS_QUEUED,
        "processing": pb.STATUS_PROCESSING,
        "completed": pb.STATUS_COMPLETED,
        "failed": pb.STATUS_FAILED,
        "cancelled": pb.STATUS_CANCELLED,
    }
    return {"total": len(all_jobs), **{name: by_status[status] for name, status in named.items()}}


def recorded_commit(update: jobs.WatchJobsResponse) -> audit.RecordedCommit:
    """Return the commit of an update."""
    commit = audit.RecordedCommit(
        position=update.position,
        command=events.Command(name="submit", id="c1", actor="ada"),
        version=update.job.version,
        at=at(0),
        hash="cd" * 32,
    )
    for name in update.events:
        event = commit.events.add(at=at(0))
        getattr(event, name).SetInParent()
        if name == "submitted":
            event.submitted.spec.prompt.ciphertext = b"sealed"
            event.submitted.spec.model = "kinolog-tiny"
            event.submitted.priority = pb.PRIORITY_HIGH
    return commit


def proof() -> audit.VerifyJobResponse:
    """A record whose checks pass except for one file."""
    return audit.VerifyJobResponse(
        checks=[
            audit.Check(name="chain", holds=True, detail="3 commits with 5 events"),
            audit.Check(name="artifacts", detail="video sha256/ab/cd.mp4 is not stored"),
        ]
    )


def upload(content: bytes) -> jobs.Upload:
    """An uploaded picture of these bytes."""
    return jobs.Upload(
        id="u" * 26,
        sha256=sha256(content).hexdigest(),
        media_type="image/png",
        size_bytes=len(content),
        width=64,
        height=48,
        expires_at=at(30),
    )


LORA = pb.Lora(
    name="ink",
    description="Ink on paper.",
    licence="apache-2.0",
    families=["WanPipeline"],
    models=["kinolog-tiny"],
    default_weight=0.8,
    trigger_words=["ink wash"],
)


def model() -> pb.Model:
    """A model of the catalogue."""
    return pb.Model(
        name="kinolog-tiny",
        description="small",
        is_default=True,
        defaults=pb.JobSpec(width=256, height=256, frames=17, fps=8, steps=20, guidance=4.0),
        sizes=["256x256"],
        max_frames=480,
        max_steps=100,
        styles=["cinematic"],
        workers=["worker-1"],
        inputs=[
            pb.ModelInput(role=pb.INPUT_ROLE_FIRST_FRAME, required=True, most=1),
            pb.ModelInput(role=pb.INPUT_ROLE_VIDEO, most=1),
        ],
        window_frames=16,
    )


def worker() -> pb.Worker:
    """A worker that renders a job."""
    return pb.Worker(
        name="worker-1",
        device="cpu",
        hardware="two cores",
        models=["kinolog-tiny"],
        loaded_models=["kinolog-tiny"],
        job_id="a" * 26,
        attempt=1,
        stage=pb.STAGE_DENOISE,
        step=3,
        steps=20,
        memory_total_bytes=8_000_000_000,
        started_at=at(0),
        seen_at=at(9),
        libraries={"torch": "2.13"},
    )


def alarm(severity: pb.AlarmSeverity.ValueType = pb.ALARM_SEVERITY_REFUSE_WRITES) -> pb.Alarm:
    """An alarm; by default one that refuses writes."""
    return pb.Alarm(
        name="storage-full", severity=severity, text="make room", source="kinolog up", since=at(0)
    )


def overview() -> analytics.GetOverviewResponse:
    """Numbers without completed jobs."""
    return analytics.GetOverviewResponse(
        submitted=5, failed=1, queued_now=3, processing_now=1, success_rate=0.0
    )


def success_rates() -> analytics.GetSuccessRatesResponse:
    """Rates of two priorities."""
    return analytics.GetSuccessRatesResponse(
        rates=[
            analytics.SuccessRate(priority=pb.PRIORITY_HIGH, completed=3, failed=1, rate=0.75),
            analytics.SuccessRate(priority=pb.PRIORITY_LOW),
        ]
    )


def stage_times() -> analytics.GetStageTimesResponse:
    """Times of one stage."""
    return analytics.GetStageTimesResponse(
        stages=[
            analytics.StageTime(
                stage=pb.STAGE_DENOISE, count=2, mean_seconds=3.0, p50_seconds=2.0, p95_seconds=4.0
            )
        ]
    )


def queue_depth() -> analytics.GetQueueDepthResponse:
    """One point."""
    point = analytics.DepthPoint(at=at(0), queued=2, processing=1, peak_queued=5, peak_processing=3)
    return analytics.GetQueueDepthResponse(points=[point], bucket_seconds=60)


def trends() -> analytics.GetTrendsResponse:
    """One point."""
    point = analytics.TrendPoint(at=at(0), submitted=4, completed=2, failed=1, cancelled=1)
    return analytics.GetTrendsResponse(points=[point], bucket_seconds=86_400)


def activity() -> analytics.ListActivityResponse:
    """One entry."""
    entry = analytics.Activity(
        position=9, job_id="a" * 26, event="completed", actor="worker-1", at=at(0), index=1
    )
    return analytics.ListActivityResponse(entries=[entry])


def api_key(actor: str = "ada") -> access_pb2.ApiKey:
    """Return an API key of a tenant."""
    key = access_pb2.ApiKey(
        key_id="abcdefghij23",
        tenant="default",
        actor=actor,
        scopes=[access_pb2.SCOPE_SUBMIT, access_pb2.SCOPE_READ],
        created_by="grace",
    )
    key.created_at.CopyFrom(at(0))
    return key
