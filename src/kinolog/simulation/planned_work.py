"""The work of recorded jobs, apart from when and where it was done. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from kinolog.job.values import Stage
from kinolog.simulation.job_record import DEVICE_STAGES, LATE_STAGES, AttemptRecord, JobStay

COMPLETED = "completed"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkPart:
    """One attempt, with all that others were interrupted in before it.

    In the first `load_seconds` of `device_seconds` the model is loaded. `scaled_seconds` of them depend on the speed of
    the device. In the last `late_seconds` the job is not preempted. `finishing_seconds` follow. Then the next part, if
    there is one, waits for `pause_seconds`.
    """

    device_seconds: float
    scaled_seconds: float
    late_seconds: float
    load_seconds: float
    was_warm: bool
    finishing_seconds: float
    pause_seconds: float = 0.0


class WorkEstimates:
    """What is usual in a record: for jobs whose work is not known, and for models that have to be loaded elsewhere."""

    def __init__(self, jobs: Sequence[JobStay]) -> None:
        rates, finishing = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
        loads = defaultdict[tuple[str, bool], list[float]](list)
        for job in jobs:
            for attempt in job.attempts:
                if Stage.PREFETCH.value in attempt.stage_seconds:
                    loads[job.model, attempt.was_warm].append(attempt.stage_seconds[Stage.PREFETCH.value])
            if job.outcome == COMPLETED and job.attempts:
                for name in (job.model, ""):
                    rates[name].append(job.device_seconds / max(1, job.cost))
                    finishing[name].append(_finishing_seconds(job.attempts[-1]))
        self._per_cost = {name: median(values) for name, values in rates.items()}
        self._finishing = {name: median(values) for name, values in finishing.items()}
        self._loads = {key: median(values) for key, values in loads.items()}

    def load_seconds(self, model: str, part: WorkPart, *, is_warm: bool) -> float:
        """Return how long a worker loads a model for a part: as it did, or as is usual where it is warm or not."""
        if is_warm == part.was_warm:
            return part.load_seconds
        return self._loads.get((model, is_warm), part.load_seconds)

    def parts(self, job: JobStay) -> tuple[WorkPart, ...]:
        """Return the work of a job. That of a job that was not seen to its end is at least what is usual."""
        parts, together = list[WorkPart](), list[AttemptRecord]()
        for attempt in job.attempts:
            together.append(attempt)
            if attempt.retried and not attempt.was_interrupted:
                parts.append(_part(together))
                together = []
        if together and together[-1].ended is not None and job.outcome in (COMPLETED, "failed"):
            parts.append(_part(together))
        elif together or not job.attempts:
            parts.append(self._estimated(job, together))
        return tuple(parts)

    def _estimated(self, job: JobStay, together: Sequence[AttemptRecord]) -> WorkPart:
        name = job.model if job.model in self._per_cost else ""
        usual = self._per_cost.get(name, 0.0) * max(1, job.cost)
        whole = max(usual, sum(attempt.device_seconds for attempt in together))
        return WorkPart(
            device_seconds=whole,
            scaled_seconds=whole,
            late_seconds=0.0,
            load_seconds=0.0,
            was_warm=True,
            finishing_seconds=self._finishing.get(name, 0.0),
        )


def drawn_seconds(work: WorkPart, speed: float) -> float:
    """Return how long a part uses a device of a speed, without the time in which the model is loaded."""
    return work.device_seconds - work.load_seconds - work.scaled_seconds * (1 - 1 / speed)


def _part(attempts: Sequence[AttemptRecord]) -> WorkPart:
    """Return the work of attempts of which each but the last one was interrupted."""
    last = attempts[-1]
    device = sum(attempt.device_seconds for attempt in attempts)
    scaled = sum(attempt.seconds_in(DEVICE_STAGES) for attempt in attempts)
    load = min(device, last.stage_seconds.get(Stage.PREFETCH.value, 0.0))
    return WorkPart(
        device_seconds=device,
        scaled_seconds=min(device - load, scaled) if scaled else device - load,
        late_seconds=min(last.device_seconds, last.seconds_in(LATE_STAGES)),
        load_seconds=load,
        was_warm=last.was_warm,
        finishing_seconds=_finishing_seconds(last),
        pause_seconds=last.pause_seconds,
    )


def _finishing_seconds(attempt: AttemptRecord) -> float:
    if attempt.ended is None or attempt.left_device is None:
        return 0.0
    return max(0.0, attempt.ended - attempt.left_device)
