"""A queue of jobs on one worker: how long its device waits between two of them, and how much memory the worker has."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from uuid import uuid4

import psutil
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp

from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.bench import site
from tests.bench.calls import JobService, job_service, until_completed
from tests.bench.figures import Aim, Figure, Result
from tests.bench.process_memory import ProcessMemory

JOBS = 20
WARM_UP_JOBS = 3
MANY_JOBS = 500
"""Number of short jobs after which the memory of the worker is read again."""
ON_DEVICE = (
    job_pb2.STAGE_ENCODE_PROMPT,
    job_pb2.STAGE_DENOISE,
    job_pb2.STAGE_DECODE,
    job_pb2.STAGE_POSTPROCESS,
)


@dataclass(frozen=True, slots=True)
class Size:
    """The model and the size of the jobs."""

    model: str
    width: int
    height: int
    frames: int
    steps: int

    @property
    def name(self) -> str:
        """Model, width and height, as texts show them."""
        return f"{self.model} {self.width}x{self.height}"


SIZES = (Size("kinolog-tiny", 64, 64, 17, 20), Size("card", 832, 480, 17, 100))
"""The test card waits in each step, like a device that needs no processor."""

SHORT = Size("kinolog-tiny", 64, 64, 9, 2)


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """When a job used the device, in seconds since 1970, how long, and when it was complete."""

    begin: float
    end: float
    seconds: float
    completed: float


def measure(quick: bool) -> Result:
    """Measure the gaps of a queue of jobs, for two sizes of the video.

    `KINOLOG_BENCH_JOBS` is the number of jobs of each size.
    """
    jobs = int(os.environ.get("KINOLOG_BENCH_JOBS", 3 if quick else JOBS))
    with site.running({"projector", "api", "worker"}) as stack:
        pid = site.pid_of(stack.process("worker-1").program)
        figures = uvloop.run(_figures(stack.addresses["api"], jobs, pid, quick))
    note = (
        f"{jobs} jobs of {SIZES[0].frames} frames in the queue of one worker, on all cores: of kinolog-tiny, and of "
        "a test card, whose steps need no processor. The device is busy while a job encodes its prompt, denoises and "
        "decodes; the makespan is from the first of that to the completion of the last job; a gap is between the end "
        "and the beginning of two jobs on the device. The floor of the memory is that before the jobs"
    )
    return Result("queue_of_jobs", site.STREAM_DURABILITY, figures, (note,))


async def _figures(target: str, jobs: int, pid: int, quick: bool) -> tuple[Figure, ...]:
    figures: list[Figure] = []
    async with job_service(target) as api:
        for size in SIZES:
            await _uses(api, size, WARM_UP_JOBS)
            figures += figures_of(size.name, await _uses(api, size, jobs))
        await _uses(api, SHORT, jobs)
        before = _memory(pid)
        many = jobs if quick else MANY_JOBS
        await _uses(api, SHORT, many)
        figures.append(
            Figure(f"memory of the worker after {many} short jobs", "MB", _memory(pid), floor=before)
        )
    return tuple(figures)


def _memory(pid: int) -> float:
    """Return what a worker and the processes below it hold, in MB."""
    worker = psutil.Process(pid)
    return sum(ProcessMemory(one.pid).held() for one in (worker, *worker.children(recursive=True)))


def figures_of(name: str, uses: Sequence[DeviceUse]) -> list[Figure]:
    """Return the figures of jobs that used one device."""
    ordered = sorted(uses, key=lambda use: use.begin)
    busy = sum(use.seconds for use in ordered)
    makespan = max(use.completed for use in ordered) - ordered[0].begin
    gaps = [1000 * (after.begin - before.end) for before, after in pairwise(ordered)]
    return [
        Figure(f"{name}: jobs", "jobs/h", 3600 * len(ordered) / makespan),
        Figure(
            f"{name}: makespan",
            "s",
            makespan,
            floor=busy,
            ratio=makespan / busy,
            aim=Aim("ratio", "below", 1.02),
        ),
        Figure(f"{name}: gap, median", "ms", median(gaps), aim=Aim("value", "below", 5)),
        Figure(f"{name}: gap, longest", "ms", max(gaps)),
    ]


async def _uses(api: JobService, size: Size, jobs: int) -> list[DeviceUse]:
    """Let a queue of jobs be rendered. Return when each used the device."""
    submitted = [await api.SubmitJob(_request(size, number)) for number in range(jobs)]
    return [await _use(api, one) for one in submitted]


def _request(size: Size, number: int) -> pb.SubmitJobRequest:
    return pb.SubmitJobRequest(
        prompt=f"a red circle moving right on a blue background, take {number} {uuid4().hex}",
        model=size.model,
        width=size.width,
        height=size.height,
        frames=size.frames,
        fps=8,
        steps=size.steps,
        guidance=4.0,
        seed=number,
    )


async def _use(api: JobService, submitted: pb.SubmitJobResponse) -> DeviceUse:
    job = await until_completed(api, submitted)
    stages = [stage for stage in job.stages if stage.stage in ON_DEVICE]
    return DeviceUse(
        begin=min(_seconds(stage.started_at) for stage in stages),
        end=max(_seconds(stage.started_at) + stage.seconds for stage in stages),
        seconds=sum(stage.seconds for stage in stages),
        completed=_seconds(job.finished_at),
    )


def _seconds(time: Timestamp) -> float:
    return time.ToNanoseconds() / 1e9
