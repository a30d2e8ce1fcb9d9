"""Each disk of a stack fills up and is freed while jobs run: none is lost, none fails, it serves again by itself."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from kinolog_client import GatewayError, JobInfo, JobUpdated, KinologClient
from kinolog_stack.doctor import run_checks
from kinolog_stack.stack import Stack
from tests.fixtures.small_disks import MEBIBYTE, SmallDisk, small_disks
from tests.fixtures.threads import background_thread
from tests.fixtures.waits import WAIT_SECONDS, wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.drill, pytest.mark.timeout(1800)]

CYCLES = int(os.environ.get("FULL_DISK_CYCLES", "1"))
"""How often each disk is filled."""

FULL_SECONDS = float(os.environ.get("FULL_DISK_SECONDS", "10"))
"""How long each stays full: longer than the time limit of a write."""

BACKLOG = int(os.environ.get("FULL_DISK_BACKLOG", "30"))
"""Jobs that wait when a disk fills: the workers go on while new ones are refused."""

SERVED_AGAIN_SECONDS = 60.0
RESERVE_BYTES = 8 * MEBIBYTE
SIZES = {"nats": 96, "postgres": 400, "artifacts": 64, "scratch": 96}
"""Room of each disk in MiB."""

ALARMS = {"nats": "log", "postgres": "database", "artifacts": "artifacts", "scratch": "scratch"}


class Submitter:
    """A client that submits jobs without end. `accepted` are the jobs that were acknowledged."""

    def __init__(self, url: str) -> None:
        self.accepted: list[str] = []
        self.refusals: set[int] = set()
        self._url = url
        self._lock = threading.Lock()

    def run(self, stopping: threading.Event) -> None:
        """Submit until `stopping`."""
        with KinologClient(self._url, timeout_seconds=WAIT_SECONDS) as client:
            while not stopping.wait(0.2):
                try:
                    job_id = client.generate("a card", model="card").job_id
                except GatewayError as error:
                    self.refusals.add(error.status or 0)
                else:
                    self.accepted.append(job_id)


@pytest.mark.parametrize("name", list(SIZES))
def test_a_full_disk_delays_jobs_and_fails_none(data_folder: Path, name: str) -> None:
    """The disk of one part is full for a while: /ready and doctor tell it, and every accepted job completes."""
    with whole_stack(data_folder):
        pass  # makes the folders
    parts = {data_folder / part: size * MEBIBYTE for part, size in SIZES.items()}
    with (
        small_disks(parts) as disks,
        whole_stack(data_folder, workers=2, disk_reserve_bytes=RESERVE_BYTES) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        submitter = Submitter(stack.addresses["gateway"])
        with background_thread(submitter.run, "submitter", join_seconds=60) as submitting:
            for _ in range(CYCLES):
                submitter.accepted += [client.generate("a card", model="card").job_id for _ in range(BACKLOG)]
                _fill_for_a_while(stack, disks[data_folder / name], f"storage-full-{ALARMS[name]}")
                freed_at, count = time.monotonic(), len(submitter.accepted)
                submitting.wait_until(
                    lambda: len(submitter.accepted) > count,  # noqa: B023 - read in this round
                    "jobs are accepted again",
                    SERVED_AGAIN_SECONDS,
                )
                print(f"{name}: served again after {time.monotonic() - freed_at:.1f} s")
        attempts = Counter(job.attempt for job in _completed(client, submitter.accepted))
        assert name == "scratch" or set(attempts) == {
            1
        }  # an attempt that a full scratch disk ends is not counted
        wait_until(lambda: _ready(stack).status_code, "ready again", lambda code: code == 200)
        wait_until(lambda: client.alarms().alarms, "the alarms are over", lambda alarms: not alarms)
        restarts = {name: part.starts - 1 for name, part in stack.processes.items() if part.starts > 1}
        refused = sorted(submitter.refusals)
        print(
            f"{name}: {len(submitter.accepted)} accepted, refused {refused}, restarts {restarts}, {attempts}"
        )
        assert 507 in submitter.refusals


def test_a_job_that_runs_out_of_room_uses_no_attempt(data_folder: Path) -> None:
    """The scratch disk fills while a job renders: its attempt is not counted, and the next one waits for room."""
    with whole_stack(data_folder):
        pass
    with (
        small_disks({data_folder / "scratch": 96 * MEBIBYTE}) as disks,
        whole_stack(data_folder, disk_reserve_bytes=MEBIBYTE) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        disk = disks[data_folder / "scratch"]
        job_id = client.generate("bars", model="slow-card", steps=30, size="512x512", frames=33).job_id
        for update in client.watch(job_id):
            if isinstance(update, JobUpdated) and (update.state.step or 0) >= 5:
                break

        def waits() -> bool:
            disk.fill()  # also what the failed attempt frees
            return client.status(job_id).status == "queued"

        wait_until(waits, "the job is back in the queue")
        wait_until(
            lambda: {alarm.source for alarm in client.alarms().alarms},
            "both tell it",
            lambda found: len(found) == 2,
        )
        disk.free()
        ended = wait_until(
            lambda: client.status(job_id), "the end", lambda job: job.status in ("completed", "failed"), 120
        )
        assert ended.status == "completed"
        events = [event for commit in client.history(job_id).commits for event in commit.events]
        failures = [event.data["error"]["code"] for event in events if event.type == "attempt_failed"]
        assert failures == ["SCRATCH_FULL"]


def _fill_for_a_while(stack: Stack, disk: SmallDisk, alarm: str) -> None:
    disk.fill()
    page = wait_until(lambda: _ready(stack), "/ready tells it", lambda page: page.status_code == 503)
    assert alarm in [found["name"] for found in page.json()["alarms"]]
    found = [check.status for check in run_checks(stack.folder) if check.name == f"alarm {alarm}"]
    assert "wrong" in found  # a worker that waits for its own disk adds a warning
    held, ends_at = threading.Event(), time.monotonic() + FULL_SECONDS
    while time.monotonic() < ends_at:
        disk.fill()  # what the stack itself frees meanwhile
        held.wait(0.2)
    disk.free()


def _ready(stack: Stack) -> httpx.Response:
    return httpx.get(f"{stack.addresses['gateway']}/ready", timeout=WAIT_SECONDS, trust_env=False)


def _completed(client: KinologClient, accepted: list[str]) -> list[JobInfo]:
    """Return the jobs, once every accepted one has ended. Each must have completed."""

    def ended() -> list[JobInfo]:
        return [job for job in _jobs(client) if job.status in ("completed", "failed", "cancelled")]

    jobs = wait_until(ended, "every job has ended", lambda found: len(found) >= len(accepted), 300)
    assert {job.job_id for job in jobs} >= set(accepted)
    assert [(job.job_id, job.error) for job in jobs if job.status != "completed"] == []
    return jobs


def _jobs(client: KinologClient) -> list[JobInfo]:
    try:
        return list(client.iterate_jobs())
    except GatewayError:
        return []
