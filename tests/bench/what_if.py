"""The time of `kinolog replay --what-if` with a plot: from the running kinolog, and from a file of an export."""

from __future__ import annotations

import heapq
import os
import random
import subprocess
import sys
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import uvloop

from kinolog.job import commands as c
from kinolog.job.values import Priority, Runtime, Stage
from kinolog.simulation.fleet_simulation import RecordedQueue, simulate
from kinolog.simulation.job_record import AttemptRecord, JobStay, JobTimes
from kinolog.simulation.queue_settings import QueueSettings
from kinolog.simulation.recorded_fleet import WorkerRecord, device_times
from kinolog_client import CommitSelection, KinologClient
from kinolog_stack.stack import Stack
from tests.bench import site
from tests.bench.catch_up import fill
from tests.bench.figures import Aim, Figure, Result
from tests.builders.jobs import MEDIA, video
from tests.builders.memory_jobs import START, MemoryJobs

JOBS, QUICK_JOBS = 10_000, 500
WORKERS = 4
SETTINGS = ("workers=8,policy=strict", "policy=fifo,speed=1.5")
FINISHING_SECONDS = 3.0
AIM_SECONDS = 10.0


def measure(quick: bool) -> Result:
    """Measure the whole command, with two settings and a plot."""
    jobs = QUICK_JOBS if quick else JOBS
    with site.running({"api", "gateway"}) as stack, TemporaryDirectory() as folder:
        log = uvloop.run(recorded_log(jobs))
        uvloop.run(fill(stack, log))
        figures = _figures(stack, Path(folder))
    notes = (
        f"{jobs:,} jobs of five tenants in seven commits each, {len(SETTINGS)} settings beside the recorded one, "
        "with the start of the command; the picture is 1650 x 1275 pixels",
    )
    return Result("what_if", "nothing is written", figures, notes)


def _figures(stack: Stack, folder: Path) -> tuple[Figure, ...]:
    url = stack.addresses["gateway"]
    live = _command(folder, "--url", url, "replay")
    with KinologClient(url) as client:
        export = client.export_events(folder / "events.jsonl", CommitSelection(tenant="*"))
    stored = _command(folder, "replay", "--log", str(export))
    aim = Aim("value", "below", AIM_SECONDS)
    return (
        Figure("from the running kinolog", "s", live, aim=aim),
        Figure("from an export", "s", stored, aim=aim),
    )


def _command(folder: Path, *arguments: str) -> float:
    settings = [each for setting in SETTINGS for each in ("--what-if", setting)]
    plot = os.environ.get("WHAT_IF_PLOT", str(folder / "what-if.png"))
    command = [sys.executable, "-m", "kinolog_cli.app", *arguments, *settings, "--tenant", "*", "-o", plot]
    started = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return perf_counter() - started


async def recorded_log(jobs: int) -> MemoryJobs:
    """Return a log of jobs that a simulated fleet has worked off, by day more than by night."""
    stays = _stays(jobs)
    workers = [WorkerRecord(name=f"worker-{number}") for number in range(WORKERS)]
    recorded = RecordedQueue(jobs=stays, workers=workers, turnaround_seconds=0.3)
    times = simulate(recorded, QueueSettings(preemptions=0))
    log = MemoryJobs()
    lives = (
        _Life(log, stay, each, worker)
        for stay, each, worker in zip(stays, times, _worker_names(times), strict=True)
    )
    planned = [(at, number, happen) for number, life in enumerate(lives) for at, happen in life.plan()]
    for at, _, happen in sorted(planned, key=lambda each: each[:2]):
        log.now = START + timedelta(seconds=at - 1)  # each command takes a second
        await happen()
    return log


def _stays(jobs: int) -> list[JobStay]:
    """Return jobs that come more by day than by night, and more of some tenants than of others."""
    chance, at, stays = random.Random(7), 0.0, list[JobStay]()
    for number in range(jobs):
        hour = (7 + at / 3_600) % 24
        at += chance.expovariate(1 / (5.0 if 8 <= hour < 18 else 20.0))
        seconds = chance.lognormvariate(3.0, 0.6)
        stays.append(
            JobStay(
                job_id=str(number),
                number=number,
                tenant=chance.choices(("studio", "school", "lab", "club", "guest"), (8, 4, 3, 2, 1))[0],
                model="kinolog-tiny",
                model_class="tiny",
                priority=chance.choices(list(Priority), (1, 3, 8, 4))[0],
                cost=1,
                submitted=at,
                waits_from=at,
                attempts=[
                    AttemptRecord(
                        worker=str(number),
                        started=at,
                        left_device=at + seconds,
                        ended=at + seconds + FINISHING_SECONDS,
                    )
                ],
                outcome="completed",
            )
        )
    device_times(stays)
    return stays


def _worker_names(times: list[JobTimes]) -> list[str]:
    """Return which worker drew each job: one whose device is free then."""
    free = [(0.0, f"worker-{number}") for number in range(WORKERS)]
    names = [""] * len(times)
    for number in sorted(range(len(times)), key=lambda each: times[each].started or 0.0):
        _, names[number] = heapq.heappop(free)
        heapq.heappush(free, ((times[number].ended or 0.0) - FINISHING_SECONDS, names[number]))
    return names


class _Life:
    """The commits of one job, each at its time."""

    def __init__(self, log: MemoryJobs, stay: JobStay, times: JobTimes, worker: str) -> None:
        self._log, self._stay, self._times, self._worker = log, stay, times, worker
        self._job_id = ""

    def plan(self) -> list[tuple[float, Callable[[], Coroutine[Any, Any, object]]]]:
        """Return what happens, and when."""
        start, end = self._times.started or 0.0, self._times.ended or 0.0
        left = end - FINISHING_SECONDS
        drawn = start + 0.9 * (left - start)
        return [
            (self._times.waits_from, self._submit),
            (start, self._start),
            (start + 0.5, partial(self._stages, (Stage.PREFETCH, 0.1), (Stage.ENCODE_PROMPT, 0.2))),
            (drawn, partial(self._stages, (Stage.DENOISE, drawn - start - 0.5))),
            (left, partial(self._stages, (Stage.DECODE, left - drawn))),
            (left + 1.0, partial(self._stages, (Stage.ASSEMBLE, 1.0))),
            (end, self._complete),
        ]

    async def _submit(self) -> None:
        self._job_id = await self._log.submit(
            "a kite over the sea, in the evening light",
            priority=self._stay.priority,
            tenant=self._stay.tenant,
        )

    async def _start(self) -> None:
        await self._log.start(self._job_id, self._worker, Runtime(hardware="two cores", model_revision="r1"))

    async def _stages(self, *stages: tuple[Stage, float]) -> None:
        log, marks = self._log, list[c.StageMark]()
        at = log.now + timedelta(seconds=1)
        for stage, seconds in stages:
            begun = at - timedelta(seconds=seconds)
            marks += [
                c.StageMark(stage=stage, scene=None, at=begun),
                c.StageMark(stage=stage, scene=None, at=at, seconds=seconds),
            ]
        command = c.RecordStages(id=log.command_id(), actor=self._worker, attempt=1, marks=tuple(marks))
        await log.send(self._job_id, command)

    async def _complete(self) -> None:
        command = c.Complete(
            id=self._log.command_id(),
            actor=self._worker,
            attempt=1,
            artifacts=(video(self._job_id),),
            media=MEDIA,
            gpu_seconds=3.5,
        )
        await self._log.send(self._job_id, command)
