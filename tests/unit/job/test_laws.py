"""The laws of a job's life, for every order in which people, workers and accidents can act."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kinolog.codec.commits import decode_commit, encode_commit
from kinolog.command_handler import CommandHandler
from kinolog.job import commands as c
from kinolog.job import events as e
from kinolog.job.commit import Commit
from kinolog.job.decide import LeaseLost, Refused
from kinolog.job.evolve import fold
from kinolog.job.state import Job
from kinolog.job.values import Artifact, JobError, MediaFacts, Priority, Runtime, Sealed, Spec, Status
from kinolog.ports.event_store import LoadedJob
from tests.strategies import START, artifacts, errors, media, runtimes, seconds, stages, submits

WORKERS = ("ada-1", "bob-1", "bob-2")
LEGAL = {
    None: {Status.QUEUED},
    Status.QUEUED: {Status.QUEUED, Status.PROCESSING, Status.CANCELLED, Status.FAILED},
    Status.PROCESSING: {
        Status.PROCESSING,
        Status.QUEUED,
        Status.COMPLETED,
        Status.FAILED,
        Status.CANCELLED,
    },
    Status.COMPLETED: {Status.COMPLETED},
    Status.FAILED: {Status.FAILED, Status.QUEUED},
    Status.CANCELLED: {Status.CANCELLED, Status.QUEUED},
}


class JobLife(RuleBasedStateMachine):
    """One job under every order of commands; each rule is somebody who acts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.commits: list[Commit] = []
        self.count = 0
        self.handler = CommandHandler(store=None, clock=lambda: self.now)  # type: ignore[arg-type]  # never stores

    @property
    def job(self) -> Job:
        """The job as the last commit left it."""
        return self.commits[-1].state

    def _id(self) -> str:
        self.count += 1
        return f"command-{self.count}"

    def _give(self, command: c.Command) -> tuple[e.Event, ...]:
        """Give a command; answer the events, none when it was refused or had nothing to do."""
        self.now += timedelta(seconds=1)
        tail = (
            LoadedJob(job=self.job, position=len(self.commits), digest=b"", command_id="")
            if self.commits
            else None
        )
        before = self.commits[-1].state.status if self.commits else None
        try:
            commit = self.handler.decide_from("job", tail, command)
        except Refused:
            return ()
        if commit is None:
            return ()
        self.commits.append(commit)
        assert commit.state.status in LEGAL[before]
        return commit.events

    @initialize(submit=submits)
    def submitted(self, submit: c.Submit) -> None:
        """Every life begins with a submit."""
        assert self._give(submit)

    @rule(reason=st.sampled_from(["", "too long"]))
    def cancels(self, reason: str) -> None:
        """Somebody cancels."""
        self._give(c.Cancel(id=self._id(), actor="ann", reason=reason))

    @rule()
    def retries(self) -> None:
        """Somebody asks for another try."""
        self._give(c.Retry(id=self._id(), actor="ann"))

    @rule(priority=st.sampled_from(Priority))
    def reprioritizes(self, priority: Priority) -> None:
        """Somebody changes the priority."""
        self._give(c.Reprioritize(id=self._id(), actor="ann", priority=priority))

    @rule()
    def prefetches(self) -> None:
        """Somebody asks to warm up."""
        self._give(c.Prefetch(id=self._id(), actor="ann"))

    @rule()
    def erases(self) -> None:
        """Somebody erases."""
        self._give(c.Erase(id=self._id(), actor="ann"))

    @rule(worker=st.sampled_from(WORKERS), runtime=runtimes)
    def takes(self, worker: str, runtime: Runtime) -> None:
        """A worker takes the job, perhaps from one that is lost."""
        self._give(c.StartAttempt(id=self._id(), actor=worker, runtime=runtime))

    @rule(worker=st.sampled_from(WORKERS), data=st.data())
    def works(self, worker: str, data: st.DataObject) -> None:
        """A worker reports, whether it holds the job or not."""
        attempt = max(1, self.job.attempt - data.draw(st.integers(0, 1)))
        held = (
            self.job.status is Status.PROCESSING and self.job.worker == worker and attempt == self.job.attempt
        )
        command = data.draw(
            st.one_of(
                st.builds(
                    c.StartStage,
                    id=st.just(self._id()),
                    actor=st.just(worker),
                    attempt=st.just(attempt),
                    stage=stages,
                ),
                st.builds(
                    c.FinishStage,
                    id=st.just(self._id()),
                    actor=st.just(worker),
                    attempt=st.just(attempt),
                    stage=stages,
                    seconds=seconds,
                ),
                st.builds(
                    c.RecordScene,
                    id=st.just(self._id()),
                    actor=st.just(worker),
                    attempt=st.just(attempt),
                    scene=st.integers(0, 4),
                    artifact=artifacts,
                ),
                st.builds(
                    c.FailAttempt,
                    id=st.just(self._id()),
                    actor=st.just(worker),
                    attempt=st.just(attempt),
                    error=errors,
                    retry_at=st.just(self.now),
                ),
                st.builds(
                    c.ConfirmCancel, id=st.just(self._id()), actor=st.just(worker), attempt=st.just(attempt)
                ),
            )
        )
        events = self._give(command)
        assert held or not events, "a worker without the lease changed the job"

    @rule(worker=st.sampled_from(WORKERS), made=artifacts, facts=media)
    def completes(self, worker: str, made: Artifact, facts: MediaFacts) -> None:
        """A worker completes the job."""
        held = self.job.status is Status.PROCESSING and self.job.worker == worker
        command = c.Complete(
            id=self._id(),
            actor=worker,
            attempt=self.job.attempt,
            artifacts=(made,),
            media=facts,
            gpu_seconds=1.0,
        )
        events = self._give(command)
        assert bool(events) == held

    @rule(error=errors)
    def gives_up(self, error: JobError) -> None:
        """The service gives the job up."""
        self._give(c.GiveUp(id=self._id(), actor="reactor", error=error))

    @precondition(lambda self: len(self.commits) > 0)
    @rule(back=st.integers(1, 16))
    def repeats(self, back: int) -> None:
        """A command of the past arrives again and changes nothing."""
        past = self.commits[-min(back, len(self.commits))].command
        if past.name == "submit" or past.id not in self.job.applied_commands:
            return
        assert self._give(c.Cancel(id=past.id, actor=past.actor)) == ()

    @invariant()
    def embedded_equals_folded(self) -> None:
        """The state in every commit is the fold of all events up to it, also after storage."""
        if not self.commits:
            return
        job: Job | None = None
        for commit in self.commits:
            job = fold(job, "job", commit.events, commit.command.id)
        assert job == self.job
        assert decode_commit(1, encode_commit(self.commits[-1]).raw).commit == self.commits[-1]

    @invariant()
    def one_terminal_event_per_try(self) -> None:
        """Between a submit or retry and the next, at most one terminal event happens."""
        ends = 0
        for commit in self.commits:
            for event in commit.events:
                if isinstance(event, e.Submitted | e.Retried):
                    ends = 0
                elif isinstance(event, e.TERMINAL):
                    ends += 1
                    assert ends == 1
        if self.commits:
            assert (ends == 1) == self.job.status.terminal

    @invariant()
    def attempts_count_up(self) -> None:
        """Attempts are numbered from 1 without a gap, and only the last one may be open."""
        if not self.commits:
            return
        job = self.job
        assert [attempt.number for attempt in job.attempts] == list(range(1, len(job.attempts) + 1))
        assert job.attempt == len(job.attempts) <= job.last_attempt
        assert all(attempt.ended_at is not None for attempt in job.attempts[:-1])
        if job.status.terminal and job.attempts:
            assert job.attempts[-1].ended_at is not None


JobLife.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


TestJobLife = JobLife.TestCase


def test_a_worker_without_the_lease_is_told_so() -> None:
    """A report about an attempt that another worker holds is refused as LeaseLost, not as a plain refusal."""
    life = JobLife()
    life.submitted(_submit())
    life.takes("ada-1", Runtime())
    life.takes("bob-1", Runtime())
    with pytest.raises(LeaseLost, match="attempt 1 of job job is not held by ada-1"):
        life.handler.decide_from(
            "job",
            LoadedJob(job=life.job, position=1, digest=b"", command_id=""),
            c.ConfirmCancel(id="late", actor="ada-1", attempt=1),
        )


def _submit() -> c.Submit:
    sealed = Sealed(nonce=b"n" * 12, ciphertext=b"c" * 16)
    spec = Spec(
        prompt=sealed,
        negative_prompt=None,
        model="m",
        model_class="m",
        width=64,
        height=64,
        frames=17,
        fps=8,
        steps=20,
        guidance=4.0,
        seed=1,
    )
    return c.Submit(
        id="s",
        actor="ann",
        tenant="default",
        request_id="r",
        body_hash=b"h" * 32,
        spec=spec,
        priority=Priority.MEDIUM,
        max_attempts=3,
        scenes=(),
    )
