"""SIGKILL to every process while jobs run: no accepted job is lost, none ends twice, clients receive each end once."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path

import grpc
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from kinolog.codec.commits import decode_commit
from kinolog.job.events import TERMINAL
from kinolog.job.evolve import fold
from kinolog.job.state import Job
from kinolog.v1 import audit_service_pb2, audit_service_pb2_grpc
from kinolog_client import GatewayError, JobEnded, KinologClient
from kinolog_stack.stack import Stack
from tests.fixtures.threads import background_thread
from tests.fixtures.waits import wait_until
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

JOBS = 100
STEPS = 16
"""Steps of 10 ms each: a job waits more than it costs, and jobs are left when the last process is killed."""
VICTIMS = ("api", "projector", "gateway", "nats-server", "postgres", "worker-1")
ACK_WAIT = {"KINOLOG_WORKER_ACK_WAIT_SECONDS": "3"}
ENDS = {"job_completed", "job_failed", "job_cancelled"}


def _until_accepted(client: KinologClient, number: int) -> str:
    """Submit until it is acknowledged; the request id makes repeats harmless."""

    def submitted() -> str | None:
        try:
            answer = client.generate(
                f"card {number}", model="card", steps=STEPS, request_id=f"chaos-{number}"
            )
            return answer.job_id
        except GatewayError:
            return None

    job_id = wait_until(submitted, "the submit is accepted")
    assert job_id is not None
    return job_id


class EndCounter:
    """A WebSocket client that resumes after its last position, and counts the ends that it receives."""

    def __init__(self, url: str) -> None:
        self.ends: Counter[str] = Counter()
        self.subscribed = threading.Event()
        self._address = url.replace("http://", "ws://") + "/ws"
        self._position = 0

    def watch(self, stopping: threading.Event) -> None:
        """Watch all jobs until `stopping`."""
        while not stopping.is_set():
            try:
                with connect(self._address, compression=None, open_timeout=5) as socket:
                    socket.send(json.dumps({"type": "subscribe", "channel": "jobs", "after": self._position}))
                    self.subscribed.set()
                    self._receive(socket, stopping)
            except (OSError, EOFError, WebSocketException):
                stopping.wait(0.1)

    def _receive(self, socket: ClientConnection, stopping: threading.Event) -> None:
        while not stopping.is_set():
            try:
                message = json.loads(socket.recv(timeout=0.5))
            except TimeoutError:
                continue
            if message["type"] == "error":  # while the api is away, the updates pause
                assert message["data"]["reason"] == "API_UNAVAILABLE", message
            self._position = max(self._position, message["position"])
            if message["type"] in ENDS:
                self.ends[message["job_id"]] += 1


def _replayed(stack: Stack) -> tuple[dict[str, Job], Counter[str]]:
    """Every job folded from the log itself, and how many terminal events each has."""
    jobs: dict[str, Job] = {}
    ends: Counter[str] = Counter()
    with grpc.insecure_channel(stack.addresses["api"]) as channel:
        stub = audit_service_pb2_grpc.AuditServiceStub(channel)
        for item in stub.ReplayLog(audit_service_pb2.ReplayLogRequest(until_now=True), wait_for_ready=True):
            commit = decode_commit(item.position, item.stored_commit).commit
            jobs[item.job_id] = fold(jobs.get(item.job_id), item.job_id, commit.events, commit.command.id)
            ends[item.job_id] += sum(isinstance(event, TERMINAL) for event in commit.events)
    return jobs, ends


def _ended_jobs(client: KinologClient) -> int:
    """Number of jobs that have ended, by the counts of the read model; 0 while nothing answers."""
    try:
        counts = client.status_distribution()
    except GatewayError:
        return 0
    return counts.completed + counts.failed + counts.cancelled


def denoises(client: KinologClient, job_id: str) -> bool:
    """Return whether a scene of a job is denoised, by its history."""
    events = [event for commit in client.history(job_id).commits for event in commit.events]
    return any(event.type == "stage_started" and event.data["stage"] == "denoise" for event in events)


def test_a_killed_workers_job_is_completed_by_the_next_attempt(data_folder: Path) -> None:
    """SIGKILL to the worker in the middle of denoising: the same job completes in attempt 2, exactly once."""
    go_on = data_folder.parent / "go"
    with whole_stack(data_folder, env=ACK_WAIT) as stack, KinologClient(stack.addresses["gateway"]) as client:
        job_id = client.generate(f"bars until {go_on}", model="card").job_id
        wait_until(lambda: denoises(client, job_id), "the job is in the middle of denoising")
        stack.process("worker-1").kill()
        go_on.touch()
        last = list(client.watch(job_id))[-1]
        assert isinstance(last, JobEnded)
        assert last.state.status == "completed"
        history = client.history(job_id)
        types = [event.type for commit in history.commits for event in commit.events]
        assert types.count("completed") == 1
        assert types.count("attempt_started") == 2
        assert history.job is not None
        assert history.job.attempt == 2


def test_every_process_is_killed_while_jobs_run(data_folder: Path) -> None:
    """Every accepted job ends once, lists equal a replay of the log, and a resuming client saw each end once."""
    accepted: set[str] = set()

    def submit_all(_: threading.Event) -> None:
        for number in range(JOBS):
            accepted.add(_until_accepted(client, number))

    with (
        whole_stack(data_folder, workers=2, env=ACK_WAIT) as stack,
        KinologClient(stack.addresses["gateway"]) as client,
    ):
        counter = EndCounter(stack.addresses["gateway"])
        with background_thread(counter.watch, "end counter") as watching:
            watching.wait_until(counter.subscribed.is_set, "the client has subscribed")
            with background_thread(submit_all, "submitter", join_seconds=240) as submitting:
                for victim in VICTIMS:
                    part = stack.process(victim)
                    starts = part.starts
                    part.kill()
                    assert part.wait_started(starts + 1), victim
                    watching.check_runs()
                    submitting.check()
            assert len(accepted) == JOBS
            watching.wait_until(lambda: _ended_jobs(client) >= JOBS, "every job has ended", 240)
            _assert_log_and_lists_agree(stack, client, accepted)
            watching.wait_until(lambda: set(counter.ends) >= accepted, "the client saw every end")
        assert counter.ends == Counter(accepted)


def _assert_log_and_lists_agree(stack: Stack, client: KinologClient, accepted: set[str]) -> None:
    """The log holds the accepted jobs with one end each, and the read model shows them as the log does."""
    jobs, ends = _replayed(stack)
    assert set(jobs) == accepted
    assert set(ends.values()) == {1}
    position = max(job.position for job in client.iterate_jobs())
    rows = client.iterate_jobs(min_position=position)
    listed = {row.job_id: (row.status, row.attempt, row.version) for row in rows}
    assert listed == {j.id: (str(j.status), j.attempt, j.version) for j in jobs.values()}
