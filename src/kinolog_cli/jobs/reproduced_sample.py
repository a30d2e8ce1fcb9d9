"""A sample of completed jobs of each model, rendered again: which models draw otherwise than they did?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kinolog_client import Conflict, JobInfo, JobSelection, KinologClient, TimeSpan

PAGE = 20
"""Jobs that are looked through at each place of the span for one that can be sampled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledJob:
    """A completed job, and the job that renders it again. Without one, `refused` says why."""

    original: JobInfo
    again: JobInfo | None = None
    refused: str = ""

    @property
    def verdict(self) -> str:
        """identical, different or not compared."""
        found = self.again.reproduction if self.again is not None else None
        if found is None:
            return "not compared"
        return "identical" if found.identical else "different"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDrift:
    """How many of a model's jobs came out the same."""

    model: str
    identical: int
    different: int
    not_compared: int

    @property
    def drifted(self) -> bool:
        """Whether a job came out different."""
        return self.different > 0


def sampled_jobs(
    client: KinologClient, span: TimeSpan, per_model: int, models: Iterable[str]
) -> list[JobInfo]:
    """Return at most `per_model` completed jobs of each model, spread over the span.

    Without `models`, those of the catalogue. Erased jobs and reproductions are left out.
    """
    names = tuple(models) or tuple(model.name for model in client.models().models)
    return [job for name in names for job in _spread(client, span, per_model, name)]


def _spread(client: KinologClient, span: TimeSpan, count: int, model: str) -> list[JobInfo]:
    selection = JobSelection(statuses=("completed",), models=(model,), span=span)
    total = client.jobs(selection, limit=1).total or 0
    step = max(1, total // count)
    found: dict[str, JobInfo] = {}
    for number in range(min(count, total)):
        page = client.jobs(selection, limit=PAGE, offset=number * step)
        for job in page.jobs:
            if not job.erased and not job.reproduces and job.job_id not in found:
                found[job.job_id] = job
                break
    return list(found.values())


def render_again(client: KinologClient, jobs: Iterable[JobInfo], priority: str) -> list[SampledJob]:
    """Submit each job again. One that cannot be reproduced has the service's reason."""
    sample = []
    for job in jobs:
        try:
            again = client.reproduce(job.job_id, priority=priority).job
            sample.append(SampledJob(original=job, again=again))
        except Conflict as error:
            sample.append(SampledJob(original=job, refused=error.detail))
    return sample


def ended(client: KinologClient, sample: Iterable[SampledJob]) -> Iterator[SampledJob]:
    """Yield each job of the sample once its reproduction has ended."""
    for one in sample:
        if one.again is None:
            yield one
            continue
        for _ in client.watch(one.again.job_id):
            pass
        yield SampledJob(original=one.original, again=client.status(one.again.job_id))


def drift(sample: Iterable[SampledJob]) -> list[ModelDrift]:
    """Return what the sample says of each model, by name."""
    verdicts: dict[str, list[str]] = {}
    for one in sample:
        verdicts.setdefault(one.original.model, []).append(one.verdict)
    return [
        ModelDrift(
            model=model,
            identical=of_model.count("identical"),
            different=of_model.count("different"),
            not_compared=of_model.count("not compared"),
        )
        for model, of_model in sorted(verdicts.items())
    ]
