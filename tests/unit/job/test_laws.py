"""The laws of a job, for every order of the commands of clients, workers and the service."""

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
from kinolog.job.values import Runtime, Status
from kinolog.ports.event_store import LoadedJob
from tests.builders.jobs import submit
from tests.state_machine import PAGE, StatusChange, drawn_transitions
from tests.strategies import START, submits
from tests.unit.job.deciding import decided
from tests.unit.job.law_commands import ATTEMPT_COMMANDS, CLIENT_COMMANDS, WORKER_COMMANDS, AttemptCommand

WORKERS = ("ada-1", "bob-1", "bob-2")
DRAWN = drawn_transitions(PAGE.read_text(encoding="utf-8"))


class JobLife(RuleBasedStateMachine):
    """One job under every order of commands; each rule is a client, a worker or the service."""

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

    def _holds(self, worker: str) -> bool:
        return self.job.status is Status.PROCESSING and self.job.worker == worker

    def _id(self) -> str:
        self.count += 1
        return f"command-{self.count}"

    def _send(self, command: c.Command) -> tuple[e.Event, ...]:
        """Send a command. Return the events: none if it was refused or had nothing to do."""
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
        change = StatusChange(before or "[*]", commit.state.status, commit.command.name)
        assert change in DRAWN, "docs/state-machine.md lacks the arrow"
        return commit.events

    @initialize(submit=submits)
    def submitted(self, submit: c.Submit) -> None:
        """Every job begins with a submit."""
        assert self._send(submit)

    @rule(submit=submits)
    def submits_again(self, submit: c.Submit) -> None:
        """A second submit of the same job changes nothing."""
        assert self._send(submit) == ()

    @rule(hours=st.integers(-2, 2))
    def the_clock_is_set(self, hours: int) -> None:
        """The clock is set, or the next command comes from a machine with another one."""
        self.now += timedelta(hours=hours)

    @rule(kind=st.sampled_from(list(CLIENT_COMMANDS)), data=st.data())
    def client_sends(self, kind: type[c.Command], data: st.DataObject) -> None:
        """A client or the service sends a command."""
        self._send(kind(id=self._id(), actor="ann", **data.draw(CLIENT_COMMANDS[kind])))

    @rule(kind=st.sampled_from(list(WORKER_COMMANDS)), worker=st.sampled_from(WORKERS), data=st.data())
    def worker_starts(self, kind: type[c.Command], worker: str, data: st.DataObject) -> None:
        """A worker prefetches or takes the job, perhaps from a worker that is lost."""
        self._send(kind(id=self._id(), actor=worker, **data.draw(WORKER_COMMANDS[kind])))

    @rule(kind=st.sampled_from(list(ATTEMPT_COMMANDS)), worker=st.sampled_from(WORKERS), data=st.data())
    def worker_reports(self, kind: type[AttemptCommand], worker: str, data: st.DataObject) -> None:
        """A worker reports about an attempt, whether it holds the job or not."""
        attempt = max(1, self.job.attempt - data.draw(st.integers(0, 1)))
        held = self._holds(worker) and attempt == self.job.attempt
        arguments = data.draw(ATTEMPT_COMMANDS[kind])
        events = self._send(kind(id=self._id(), actor=worker, attempt=attempt, **arguments))
        assert held or not events, "a worker without the lease changed the job"
        if kind in (c.Complete, c.RecordStages):
            assert bool(events) == held

    @precondition(lambda self: len(self.commits) > 0)
    @rule(back=st.integers(1, 16))
    def repeats(self, back: int) -> None:
        """A command of the past arrives again and changes nothing."""
        past = self.commits[-min(back, len(self.commits))].command
        if past.name == "submit" or past.id not in self.job.applied_commands:
            return
        assert self._send(c.Cancel(id=past.id, actor=past.actor)) == ()

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
    def an_accepted_cancel_ends_no_job_completed(self) -> None:
        """Between a request to cancel and a retry, a job does not complete."""
        requested = False
        for commit in self.commits:
            for event in commit.events:
                if isinstance(event, e.CancelRequested | e.Retried):
                    requested = isinstance(event, e.CancelRequested)
                assert not (requested and isinstance(event, e.Completed))

    @invariant()
    def times_never_run_backwards(self) -> None:
        """The times of a history do not decrease, whatever the clocks do."""
        times = [event.at for commit in self.commits for event in commit.events]
        assert times == sorted(times)

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


def test_a_worker_without_the_lease_is_refused() -> None:
    """A report about an attempt that another worker holds is refused as LeaseLost."""
    loaded = _decided(None, submit())
    for worker in ("ada-1", "bob-1"):
        loaded = _decided(loaded, c.StartAttempt(id=worker, actor=worker, runtime=Runtime()))
    job_id = loaded.job.id
    with pytest.raises(LeaseLost, match=f"attempt 1 of job {job_id} is not held by ada-1"):
        _decided(loaded, c.ConfirmCancel(id="late", actor="ada-1", attempt=1))


def _decided(loaded: LoadedJob | None, command: c.Command) -> LoadedJob:
    return decided(loaded, command, START)[1]
