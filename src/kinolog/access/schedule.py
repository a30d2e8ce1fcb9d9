"""A schedule of a tenant: the facts about it, its state after them, and all schedules. Pure.

The facts are in the stream of those about API keys. The job is sealed under a key of the schedule's own, so that
deleting it erases the texts from the whole stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from kinolog.access.webhook import SealedText

if TYPE_CHECKING:
    from kinolog.access.api_key import RecordedAccessCommit

SCHEDULE_ID_PREFIX = "sch_"
"""Ids of schedules begin with it."""
JOB_PURPOSE = "job"
"""Purpose of the sealed job. It is storage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleCreated:
    """A schedule was created. `job` is the sealed request of its jobs."""

    tenant: str
    name: str
    cron: str
    zone: str
    catch_up: bool
    job: SealedText


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePaused:
    """A schedule submits no jobs until it is resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleResumed:
    """A schedule submits jobs again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleDeleted:
    """A schedule was deleted, for good."""


ScheduleFact: TypeAlias = ScheduleCreated | SchedulePaused | ScheduleResumed | ScheduleDeleted


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The state of a schedule. `position` and `hash` are those of its last commit.

    Runs before `active_since` are none of its own: it was created then, or resumed.
    """

    schedule_id: str
    tenant: str
    name: str
    cron: str
    zone: str
    catch_up: bool
    job: SealedText
    created_at: datetime
    created_by: str
    active_since: datetime
    position: int
    hash: bytes
    paused_at: datetime | None = None
    deleted: bool = False


@dataclass(slots=True)
class ScheduleBook:
    """The schedules that the commits so far have made, without those that were deleted."""

    _schedules: dict[str, Schedule] = field(default_factory=dict)

    def apply(self, recorded: RecordedAccessCommit) -> None:
        """Note the facts of a commit, once and in their order. Those about others change nothing."""
        schedule = schedule_after(self._schedules.get(recorded.commit.key_id), recorded)
        if schedule is None:
            return
        if schedule.deleted:
            del self._schedules[schedule.schedule_id]
        else:
            self._schedules[schedule.schedule_id] = schedule

    def by_id(self, schedule_id: str) -> Schedule | None:
        """Return a schedule; None for one that does not exist."""
        return self._schedules.get(schedule_id)

    def of_tenant(self, tenant: str) -> list[Schedule]:
        """Return the schedules of a tenant, oldest first."""
        return [schedule for schedule in self._schedules.values() if schedule.tenant == tenant]

    def all_schedules(self) -> list[Schedule]:
        """Return every schedule, oldest first."""
        return list(self._schedules.values())


def schedule_after(schedule: Schedule | None, recorded: RecordedAccessCommit) -> Schedule | None:
    """Return the state of a schedule after a commit. Facts about one that was not created change nothing."""
    commit = recorded.commit
    for fact in commit.events:
        match fact:
            case ScheduleCreated():
                schedule = Schedule(
                    schedule_id=commit.key_id,
                    tenant=fact.tenant,
                    name=fact.name,
                    cron=fact.cron,
                    zone=fact.zone,
                    catch_up=fact.catch_up,
                    job=fact.job,
                    created_at=commit.at,
                    created_by=commit.actor,
                    active_since=commit.at,
                    position=recorded.position,
                    hash=recorded.digest,
                )
            case SchedulePaused() if schedule is not None:
                schedule = replace(schedule, paused_at=schedule.paused_at or commit.at)
            case ScheduleResumed() if schedule is not None:
                schedule = replace(schedule, paused_at=None, active_since=commit.at)
            case ScheduleDeleted() if schedule is not None:
                schedule = replace(schedule, deleted=True)
            case _:
                pass
    return schedule and replace(schedule, position=recorded.position, hash=recorded.digest)
