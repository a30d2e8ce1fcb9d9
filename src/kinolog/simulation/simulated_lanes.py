"""The lanes of a simulated queue: the rules of kinolog in the order in which its workers apply them. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

from kinolog.job.values import Priority
from kinolog.scheduling.lane_choice import PREFETCH_LANE, LaneChoice
from kinolog.scheduling.preemption import PREEMPTING
from kinolog.scheduling.tenant_turns import TenantTurns
from kinolog.scheduling.turn_order import lane_window, turn_order, turn_taker
from kinolog.simulation.queue_settings import QueuePolicy, QueueSettings
from kinolog.simulation.simulated_job import SimulatedJob

_ONE_LANE = "all"


class _Lane:
    """The queued jobs of one class of models and one priority."""

    def __init__(self, settings: QueueSettings) -> None:
        self.turns = TenantTurns(settings.tenant_weight)
        self.jobs: dict[str, SimulatedJob] = {}
        self.later: deque[tuple[int, SimulatedJob]] = deque()
        """Later attempts, each with how many jobs have started before it: they wait for no turn."""
        self.served = 0

    def __len__(self) -> int:
        return len(self.jobs)


class SimulatedLanes:
    """All queued jobs that may start. `workers` is how many there are."""

    def __init__(self, settings: QueueSettings, workers: int) -> None:
        self._settings = settings
        self._window = lane_window(workers)
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._order = (
            (_ONE_LANE,)
            if settings.policy is QueuePolicy.FIFO
            else tuple(priority.value for priority in Priority)
        )

    def choice(self) -> LaneChoice:
        """Return the turns of the lanes at one worker."""
        return LaneChoice(self._settings.lane_weights)

    def add(self, job: SimulatedJob) -> None:
        """Queue a job."""
        lane = self._lanes.setdefault((job.record.model_class, self._name(job)), _Lane(self._settings))
        lane.jobs[job.key] = job
        is_fifo = self._settings.policy is QueuePolicy.FIFO
        if job.is_later_attempt and not job.goes_first and not is_fifo:
            lane.later.append((lane.served + min(self._window, len(lane) - 1), job))
            return
        tenant = "" if is_fifo else job.record.tenant
        taker = turn_taker(tenant, job.key, goes_first=job.goes_first)
        times = (job.record.submitted, job.ready_at)
        lane.turns.add(taker, job.key, *turn_order(times, job.record.number, goes_first=job.goes_first))

    def remove(self, job: SimulatedJob) -> None:
        """Remove a job without a turn; nothing happens if it is not queued."""
        for lane in self._lanes.values():
            if lane.jobs.pop(job.key, None) is not None:
                lane.turns.remove(job.key)
                lane.later = deque(each for each in lane.later if each[1] is not job)

    def take(self, classes: Collection[str] | None, choice: LaneChoice, now: float) -> SimulatedJob | None:
        """Take the job that a worker of these classes starts next; None if none waits. None stands for all classes."""
        if self._settings.policy is not QueuePolicy.FAIR:
            return next(filter(None, (self._take_from(name, classes) for name in self._order)), None)
        for name in choice.order(now):
            job = self._take_from(name, classes) if name != PREFETCH_LANE else None
            if job is not None:
                choice.record_served(name, now)
                return job
            choice.record_empty(name, now)
        return None

    def take_preempting(
        self, classes: Collection[str] | None, choice: LaneChoice, now: float
    ) -> SimulatedJob | None:
        """Take the next job of those that stop others; None if none waits."""
        job = self._take_from(PREEMPTING.value, classes)
        if job is not None:
            choice.record_served(PREEMPTING.value, now)
        return job

    def _take_from(self, name: str, classes: Collection[str] | None) -> SimulatedJob | None:
        """Take the next job of the lanes with a name: of the first class that has one, or of all the oldest one."""
        waiting = [
            lane
            for (model_class, lane_name), lane in self._lanes.items()
            if lane_name == name and len(lane) and (classes is None or model_class in classes)
        ]
        if not waiting:
            return None
        if name == _ONE_LANE and len(waiting) > 1:
            lane = min(waiting, key=lambda each: self._age(each.jobs[each.turns.upcoming(1)[0]]))
        else:
            lane = waiting[0]
        return self._take_next(lane)

    def _age(self, job: SimulatedJob) -> tuple[float, int]:
        return turn_order((job.record.submitted, job.ready_at), job.record.number, goes_first=job.goes_first)

    def _take_next(self, lane: _Lane) -> SimulatedJob:
        upcoming = lane.turns.upcoming(1)
        if lane.later and (not upcoming or lane.later[0][0] <= lane.served):
            job = lane.later.popleft()[1]
            lane.turns.charge(job.record.tenant)
        else:
            job = lane.jobs[upcoming[0]]
            lane.turns.take(job.key)
        del lane.jobs[job.key]
        lane.served += 1
        return job

    def _name(self, job: SimulatedJob) -> str:
        return _ONE_LANE if self._settings.policy is QueuePolicy.FIFO else job.priority.value
