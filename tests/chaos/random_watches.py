"""Random watches while servers are killed: `python -m tests.chaos.random_watches 500` runs so many and prints a report.

Watches are lone or crowded, of known and unknown jobs, of one and of all, and cut at random times. In between api,
nats-server and Postgres are killed. After every few watches, and after every kill, updates must still arrive: over
gRPC, at a WebSocket client that stays connected all the time, and in the lists.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import grpc

from kinolog.v1 import job_service_pb2 as pb
from kinolog.v1 import job_service_pb2_grpc
from kinolog_client import GatewayError, JobEnded, JobUpdated, KinologClient, LinkState, LiveSettings
from kinolog_stack.stack import Stack
from tests.fixtures.servers import temporary_folder
from tests.fixtures.threads import background_thread
from tests.fixtures.waits import WAIT_SECONDS, wait_until
from tests.fixtures.whole_stack import whole_stack

T = TypeVar("T")

UNKNOWN = "0" * 26
CROWD = 5
CHECK_EVERY = 10
KILL_EVERY = 25
VICTIMS = ("api", "nats-server", "postgres")
MOST_SECONDS = 0.05
"""Longest time after which a watch is cut."""
ENDLESS = LiveSettings(give_up_seconds=None)


@dataclass
class WatchReport:
    """What a run did, and the longest wait of each step of a check, kills included."""

    watches: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    longest: dict[str, tuple[float, str]] = field(default_factory=dict)

    def note(self, step: str, seconds: float, killed: str) -> None:
        """Remember the longest wait of a step, and what was killed before it."""
        self.longest[step] = max(self.longest.get(step, (0.0, "")), (seconds, killed))

    def __str__(self) -> str:
        longest = ", ".join(
            f"{step} {seconds:.1f} s after a kill of {killed or 'nothing'}"
            for step, (seconds, killed) in self.longest.items()
        )
        return (
            f"{self.watches} watches {dict(self.outcomes)}, kills {dict(self.kills)}, {self.checks} checks; "
            f"longest waits: {longest}"
        )


class RandomWatches:
    """Runs watches against a stack."""

    def __init__(self, stack: Stack, client: KinologClient, seed: int) -> None:
        self._stack = stack
        self._client = client
        self._random = Random(seed)
        self.report = WatchReport()
        self._seen: set[str] = set()
        self._accepted: list[str] = []
        self._is_live = threading.Event()
        self._killed = ""
        """What was killed since the last check."""

    def run(self, watches: int) -> WatchReport:
        """Run so many watches. Raises AssertionError if updates stop."""
        with background_thread(self._watch_all, "watcher") as watcher:
            watcher.wait_until(self._is_live.is_set, "the WebSocket client is live")
            self._check()
            while self.report.watches < watches:
                self._watch_some()
                if self.report.watches % KILL_EVERY < CROWD and self._random.random() < 0.5:
                    self._kill()
                if self.report.watches % CHECK_EVERY < CROWD:
                    self._check()
            self._check()
            wait_until(lambda: set(self._accepted) <= self._seen, "the WebSocket client has seen every job")
            watcher.stopping.set()
            self._submitted()  # its update ends the watcher
        return self.report

    def _watch_all(self, stopping: threading.Event) -> None:
        """Watch every job over the WebSocket of the gateway, from before the first submit to the end."""
        for update in self._client.watch(on_link=self._note_link):
            if isinstance(update, JobUpdated | JobEnded):
                self._seen.add(update.job_id)
            if stopping.is_set():
                return

    def _note_link(self, link: LinkState) -> None:
        if link.state == "live":
            self._is_live.set()

    def _watch_some(self) -> None:
        """Open one watch, or a crowd of them, and cut each after a random time."""
        number = self._random.choice((1, 1, 1, CROWD))
        with self._stub() as stub:
            streams = [self._random_watch(stub) for _ in range(number)]
            for stream in streams:
                self.report.outcomes[self._cut(stream)] += 1
        self.report.watches += number

    def _random_watch(self, stub: job_service_pb2_grpc.JobServiceStub) -> Any:
        kind = self._random.choice(("all", "all after", "known", "unknown"))
        logs, previews = self._random.random() < 0.5, self._random.random() < 0.5
        match kind:
            case "all":
                return stub.WatchJobs(pb.WatchJobsRequest(logs=logs, previews=previews, progress=True))
            case "all after":
                return stub.WatchJobs(pb.WatchJobsRequest(after=0, logs=logs))
            case "known":
                job_id = self._random.choice(self._accepted)
                return stub.WatchJob(pb.WatchJobRequest(job_id=job_id, logs=logs, previews=previews))
            case _:
                return stub.WatchJob(pb.WatchJobRequest(job_id=UNKNOWN))

    def _cut(self, stream: Any) -> str:
        """Read a message or wait a moment, then cancel. Return what came of it."""
        if self._random.random() < 0.5:
            time.sleep(self._random.uniform(0.0, MOST_SECONDS))
            stream.cancel()
            return "cut"
        timer = threading.Timer(self._random.uniform(0.0, MOST_SECONDS), stream.cancel)
        timer.start()
        try:
            next(stream)
            return "message"
        except StopIteration:
            return "ended"
        except grpc.RpcError as error:
            return str(error.code().name) if isinstance(error, grpc.Call) else "error"
        finally:
            timer.cancel()
            stream.cancel()

    def _kill(self) -> None:
        victim = self._random.choice(VICTIMS)
        self._stack.process(victim).kill()
        self.report.kills[victim] += 1
        self._killed = victim

    def _check(self) -> None:
        """Submit a job and wait for its update over gRPC and in the lists."""
        position, job_id = self._timed("accepted", self._submitted)
        steps: dict[str, Callable[[], bool]] = {
            "over gRPC": partial(self._is_streamed, job_id, position),
            "over WebSocket": partial(self._seen.__contains__, job_id),
            "in the lists": partial(self._is_listed, job_id),
        }
        for step, arrived in steps.items():
            self._timed(
                step, partial(wait_until, arrived, f"the update arrives {step}", seconds=2 * WAIT_SECONDS)
            )
        self.report.checks += 1
        self._killed = ""

    def _timed(self, step: str, work: Callable[[], T]) -> T:
        began = time.monotonic()
        result = work()
        self.report.note(step, time.monotonic() - began, self._killed)
        return result

    def _submitted(self) -> tuple[int, str]:
        number = len(self._accepted)

        def submit() -> tuple[int, str] | None:
            try:
                answer = self._client.generate(f"card {number}", model="card", request_id=f"watch-{number}")
                return answer.position, answer.job_id
            except GatewayError:
                return None

        made = wait_until(submit, "the job is accepted", seconds=2 * WAIT_SECONDS)
        assert made is not None
        self._accepted.append(made[1])
        return made

    def _is_streamed(self, job_id: str, position: int) -> bool:
        """Return whether a watch of all jobs brings the job."""
        with self._stub() as stub:
            request = pb.WatchJobsRequest(after=position - 1)
            stream: Any = stub.WatchJobs(request, timeout=5.0, wait_for_ready=True)
            try:
                return any(message.job.id == job_id for message in stream)
            except grpc.RpcError:
                return False
            finally:
                stream.cancel()

    def _is_listed(self, job_id: str) -> bool:
        try:
            return any(job.job_id == job_id for job in self._client.jobs(limit=100).jobs)
        except GatewayError:
            return False

    @contextmanager
    def _stub(self) -> Iterator[job_service_pb2_grpc.JobServiceStub]:
        with grpc.insecure_channel(self._stack.addresses["api"]) as channel:
            yield job_service_pb2_grpc.JobServiceStub(channel)


def run_watches(
    folder: Path, watches: int, seed: int, say: Callable[[str], object] = lambda line: None
) -> WatchReport:
    """Run watches against a stack of its own on `folder`. Raises AssertionError if updates stop."""
    with ExitStack() as opened:
        stack = opened.enter_context(whole_stack(folder))
        client = opened.enter_context(KinologClient(stack.addresses["gateway"], live=ENDLESS))
        run = RandomWatches(stack, client, seed)
        try:
            return run.run(watches)
        finally:
            say(f"Python {sys.version.split()[0]}: {run.report}")


if __name__ == "__main__":
    with temporary_folder() as folder:
        run_watches(
            folder / "data",
            int(sys.argv[1]) if len(sys.argv) > 1 else 500,
            seed=20,
            say=lambda line: print(line),
        )
