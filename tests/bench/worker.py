"""A whole job of the embedded model through the worker, against the bare pipeline and encoder; both are warm."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from uuid import uuid4

import uvloop

from kinolog.v1 import job_service_pb2 as pb
from tests.bench import site
from tests.bench.calls import JobService, job_service, until_completed
from tests.bench.figures import Aim, Figure, Pair, Result, interleaved, paired

WIDTH, HEIGHT, FPS, GUIDANCE = 64, 64, 8, 4.0


def measure(quick: bool) -> Result:
    """Measure a whole job through the worker, and what it adds to the bare pipeline."""
    job, pairs = (_Job(9, 4), 1) if quick else (_Job(17, 20), 4)
    with site.running({"projector", "api", "worker"}) as stack:
        figures = uvloop.run(_figures(stack.addresses["api"], job, pairs))
    note = (
        f"kinolog-tiny, {WIDTH}x{HEIGHT}, {job.frames} frames, {job.steps} steps, one scene, on all cores; from "
        "created_at to finished_at in the log: queueing, progress, previews, encoding, checking and storing the "
        "file included. The floor is pipe() and the same encoder in a process of its own"
    )
    return Result("worker", site.STREAM_DURABILITY, figures, (note,))


async def _figures(target: str, job: _Job, pairs: int) -> tuple[Figure, ...]:
    async with job_service(target) as api, _bare() as bare:
        await _through_worker(api, job)
        await _through_pipe(bare, job)

        async def ours() -> float:
            return await _through_worker(api, job)

        async def floor() -> float:
            job.change_prompt()
            return await _through_pipe(bare, job)

        taken = await interleaved(pairs, floor, ours)
    over = [Pair(100.0, 100 * pair.ratio) for pair in taken]
    overhead = sorted(pair.ours - pair.floor for pair in over)
    middle = (overhead[(len(overhead) - 1) // 2] + overhead[len(overhead) // 2]) / 2
    return (
        paired("a whole job", "s", taken),
        Figure("overhead", "%", middle, aim=Aim("value", "below", 5)),
    )


class _Job:
    """The job that both sides render. The prompt changes each time, so that no embedding is cached."""

    def __init__(self, frames: int, steps: int) -> None:
        self.frames = frames
        self.steps = steps
        self.number = 0
        self.prompt = ""
        self.change_prompt()

    def change_prompt(self) -> None:
        """Take another prompt."""
        self.number += 1
        self.prompt = f"a red circle moving right on a blue background, take {self.number} {uuid4().hex}"


async def _through_worker(api: JobService, job: _Job) -> float:
    request = pb.SubmitJobRequest(
        prompt=job.prompt,
        model="kinolog-tiny",
        width=WIDTH,
        height=HEIGHT,
        frames=job.frames,
        fps=FPS,
        steps=job.steps,
        guidance=GUIDANCE,
        seed=job.number,
    )
    done = await until_completed(api, await api.SubmitJob(request))
    created, finished = done.created_at, done.finished_at
    return float(finished.seconds - created.seconds + (finished.nanos - created.nanos) / 1e9)


async def _through_pipe(bare: asyncio.subprocess.Process, job: _Job) -> float:
    request = {
        "prompt": job.prompt,
        "width": WIDTH,
        "height": HEIGHT,
        "frames": job.frames,
        "fps": FPS,
        "steps": job.steps,
        "guidance": GUIDANCE,
        "seed": job.number,
    }
    if bare.stdin is None or bare.stdout is None:
        raise RuntimeError("the bare pipeline has no pipes")
    started = perf_counter()
    bare.stdin.write(json.dumps(request).encode() + b"\n")
    seconds = float(await bare.stdout.readline())
    if seconds > perf_counter() - started:
        raise RuntimeError("the bare pipeline reported more time than has passed")
    return seconds


@asynccontextmanager
async def _bare() -> AsyncIterator[asyncio.subprocess.Process]:
    pipe = asyncio.subprocess.PIPE
    env = dict(os.environ) | {"OMP_WAIT_POLICY": "PASSIVE"}  # as the worker's inference process has it
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.bare_pipe"), cwd=site.ROOT, stdin=pipe, stdout=pipe, env=env
    )
    try:
        if process.stdout is None or (line := await process.stdout.readline()) != b"ready\n":
            raise RuntimeError(f"the bare pipeline did not start: {line!r}")
        yield process
    finally:
        process.kill()
        await process.wait()
