"""SIGKILL to every process while jobs run: nothing accepted is lost, nothing ends twice, everybody is told once."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from kinolog.codec.commits import decode_commit
from kinolog.job.events import TERMINAL
from kinolog.job.evolve import fold
from kinolog.job.state import Job
from kinolog.v1 import audit_service_pb2, audit_service_pb2_grpc
from kinolog_cli.gateway import Gateway, GatewayError
from kinolog_cli.job_progress import follow_job
from kinolog_stack.stack import Stack
from tests.fixtures.whole_stack import whole_stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

JOBS = 200
VICTIMS = ("api", "projector", "gateway", "nats-server", "postgres", "worker-1")
LEASE = {"KINOLOG_WORKER_LEASE_SECONDS": "3"}
ENDS = {"job_completed", "job_failed", "job_cancelled"}


def _until_accepted(gateway: Gateway, body: dict[str, object]) -> str:
    """Submit until it is acknowledged; the request id makes repeats harmless."""
    for _ in range(600):
        try:
            return str(gateway.post("/mcp/generate", body)["job_id"])
        except GatewayError:
            time.sleep(0.1)
    raise AssertionError("a submit was never accepted")


class Watcher(threading.Thread):
    """A WebSocket client that comes back with its position whenever it is cut off, and counts the ends it sees."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.address = url.replace("http://", "ws://") + "/ws"
        self.ends: Counter[str] = Counter()
        self.stop = threading.Event()
        self.ready = threading.Event()
        self.position = 0

    def run(self) -> None:
        """Watch all jobs until told to stop."""
        while not self.stop.is_set():
            try:
                with connect(self.address, compression=None, open_timeout=5) as socket:
                    socket.send(json.dumps({"type": "subscribe", "channel": "jobs", "after": self.position}))
                    self.ready.set()
                    self._listen(socket)
            except (OSError, WebSocketException, TimeoutError):
                self.stop.wait(0.1)

    def _listen(self, socket: object) -> None:
        while not self.stop.is_set():
            try:
                message = json.loads(socket.recv(timeout=0.5))  # type: ignore[attr-defined]  # a ClientConnection
            except TimeoutError:
                continue
            self.position = max(self.position, message["position"])
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


def _listed(gateway: Gateway) -> Iterator[dict[str, object]]:
    """Every job of the read model, page by page."""
    cursor = None
    while True:
        page = gateway.get("/mcp/jobs", {"limit": 100, "cursor": cursor})
        yield from page["jobs"]
        cursor = page["next_cursor"]
        if cursor is None:
            return


def _wait_for_all(gateway: Gateway, count: int) -> None:
    """Return when that many jobs have ended, by the counts of the read model."""
    for _ in range(2_400):
        try:
            summary = gateway.get("/mcp/jobs", {"limit": 1})["summary"]
            if summary["completed"] + summary["failed"] + summary["cancelled"] >= count:
                return
        except GatewayError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not every job ended: {summary}")


def test_a_killed_workers_job_is_completed_by_the_next_attempt(data_folder: Path) -> None:
    """SIGKILL to the worker in the middle of denoising: the same job completes in attempt 2, exactly once."""
    with whole_stack(data_folder, env=LEASE) as stack, Gateway(stack.addresses["gateway"]) as gateway:
        job_id = gateway.post("/mcp/generate", {"prompt": "bars", "model": "slow-card", "steps": 30})[
            "job_id"
        ]
        for message in follow_job(gateway, job_id):
            if (message["data"].get("step") or 0) >= 3:
                break
        stack.process("worker-1").kill()
        last = list(follow_job(gateway, job_id))[-1]
        assert last["data"]["status"] == "completed"
        history = gateway.get(f"/mcp/events/{job_id}")
        types = [event["type"] for commit in history["commits"] for event in commit["events"]]
        assert types.count("completed") == 1
        assert types.count("attempt_started") == 2
        assert history["job"]["attempt"] == 2


def test_every_process_is_killed_while_jobs_run(data_folder: Path) -> None:
    """Every accepted job ends once, lists equal a replay of the log, and a resuming client saw each end once."""
    with (
        whole_stack(data_folder, workers=2, env=LEASE) as stack,
        Gateway(stack.addresses["gateway"]) as gateway,
    ):
        watcher = Watcher(stack.addresses["gateway"])
        watcher.start()
        assert watcher.ready.wait(30)
        accepted: set[str] = set()

        def submit() -> None:
            for number in range(JOBS):
                body = {"prompt": f"card {number}", "model": "card", "request_id": f"chaos-{number}"}
                accepted.add(_until_accepted(gateway, dict(body)))

        submitter = threading.Thread(target=submit, daemon=True)
        submitter.start()
        for victim in VICTIMS:
            part = stack.process(victim)
            starts = part.starts
            part.kill()
            assert part.wait_started(starts + 1), victim
        submitter.join(240)
        assert len(accepted) == JOBS
        _wait_for_all(gateway, JOBS)
        jobs, ends = _replayed(stack)
        assert set(jobs) == accepted
        assert set(ends.values()) == {1}
        position = max(int(str(job["position"])) for job in _listed(gateway))
        gateway.get("/mcp/jobs", {"min_position": position})
        listed = {
            str(row["job_id"]): (row["status"], row["attempt"], row["version"]) for row in _listed(gateway)
        }
        assert listed == {j.id: (str(j.status), j.attempt, j.version) for j in jobs.values()}
        _wait_until_seen(watcher, accepted)
        watcher.stop.set()
        watcher.join(10)
        assert watcher.ends == Counter(accepted)


def _wait_until_seen(watcher: Watcher, accepted: set[str]) -> None:
    """Return when the watcher has seen every end, or is surely not going to."""
    for _ in range(300):
        if set(watcher.ends) >= accepted:
            return
        time.sleep(0.1)
