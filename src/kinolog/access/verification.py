"""Comparisons of everything that is stored: the facts about them, and the book of those that were made. Pure.

The facts are in the stream of those about API keys, and have one subject there. So of two that start at once, the
stream accepts one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from kinolog.access.api_key import RecordedAccessCommit

VERIFICATIONS = "verifications"
"""The id that the stream knows all comparisons by."""
SCHEDULE_ACTOR = "schedule"
"""Who starts the comparisons that are repeated."""
REMEMBERED = 1_000
"""Comparisons that the book holds: the last ones. The stream has all."""


class FileCheck(StrEnum):
    """How files are compared with the log."""

    NONE = "none"
    SIZES = "sizes"
    HASHES = "hashes"


class VerificationState(StrEnum):
    """What became of a comparison."""

    RUNNING = "running"
    """It was started. The projector carries it out, or will when it is there."""
    HOLDS = "holds"
    DIFFERS = "differs"
    FAILED = "failed"
    """It could not be made. That says nothing about what is stored."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart:
    """A part that was compared: how many of what, and its first difference, if there is one.

    `position` is 0 if the difference is that of no commit, `job_id` empty if of no job.
    """

    name: str
    count: int
    unit: str
    holds: bool
    position: int = 0
    job_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationStarted:
    """Someone, or the schedule, wants everything compared."""

    verification_id: str
    files: FileCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationEnded:
    """Everything was compared up to a position; or it could not be, and `failure` says why."""

    verification_id: str
    position: int = 0
    seconds: float = 0.0
    parts: tuple[ComparedPart, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationCancelled:
    """Nobody wants its result any more."""

    verification_id: str


VerificationFact: TypeAlias = VerificationStarted | VerificationEnded | VerificationCancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A comparison of everything, and its result. `ended_at` is None while it goes on."""

    verification_id: str
    files: FileCheck
    started_at: datetime
    started_by: str
    state: VerificationState = VerificationState.RUNNING
    ended_at: datetime | None = None
    ended_by: str = ""
    result: VerificationEnded | None = None

    @property
    def differences(self) -> list[ComparedPart]:
        """The parts that have a difference, the earliest position first."""
        parts = self.result.parts if self.result else ()
        return sorted((part for part in parts if not part.holds), key=lambda part: part.position)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationTail:
    """Position and hash of the last commit about comparisons."""

    position: int
    hash: bytes


@dataclass(slots=True)
class VerificationBook:
    """The last comparisons that the commits so far state."""

    _verifications: dict[str, Verification] = field(default_factory=dict)
    tail: VerificationTail | None = None

    def apply(self, recorded: RecordedAccessCommit) -> bool:
        """Note the facts of a commit. Return whether it is about a comparison."""
        commit = recorded.commit
        if commit.key_id != VERIFICATIONS:
            return False
        self.tail = VerificationTail(position=recorded.position, hash=recorded.digest)
        for fact in commit.events:
            match fact:
                case VerificationStarted():
                    self._verifications[fact.verification_id] = Verification(
                        verification_id=fact.verification_id,
                        files=fact.files,
                        started_at=commit.at,
                        started_by=commit.actor,
                    )
                    while len(self._verifications) > REMEMBERED:
                        del self._verifications[next(iter(self._verifications))]
                case VerificationEnded():
                    self._end(fact.verification_id, _state_of(fact), commit.at, commit.actor, fact)
                case VerificationCancelled():
                    state = VerificationState.CANCELLED
                    self._end(fact.verification_id, state, commit.at, commit.actor)
        return True

    def by_id(self, verification_id: str) -> Verification | None:
        """Return a comparison; None for an unknown one."""
        return self._verifications.get(verification_id)

    def newest_first(self) -> Sequence[Verification]:
        """Return the comparisons, that which was started last first."""
        return tuple(reversed(self._verifications.values()))

    @property
    def running(self) -> Verification | None:
        """The comparison that goes on; None if there is none. There is never another one beside it."""
        last = next(reversed(self._verifications.values()), None)
        return last if last is not None and last.ended_at is None else None

    @property
    def last_result(self) -> Verification | None:
        """The last comparison that was made to its end; None if there is none."""
        made = (VerificationState.HOLDS, VerificationState.DIFFERS)
        return next((each for each in self.newest_first() if each.state in made), None)

    def _end(
        self,
        verification_id: str,
        state: VerificationState,
        at: datetime,
        actor: str,
        result: VerificationEnded | None = None,
    ) -> None:
        before = self._verifications.get(verification_id)
        if before is not None:
            self._verifications[verification_id] = replace(
                before, state=state, ended_at=at, ended_by=actor, result=result
            )


def _state_of(ended: VerificationEnded) -> VerificationState:
    if ended.failure:
        return VerificationState.FAILED
    return VerificationState.HOLDS if all(part.holds for part in ended.parts) else VerificationState.DIFFERS
