"""Whether a worker can encode the codecs that new jobs name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kinolog.models.codecs import SOFTWARE_CODECS, VideoCodec
from kinolog.ports.event_store import EventStore
from kinolog.ports.workers import WorkerRegistry, WorkerReport
from kinolog_api.jobs.job_plan import JobPlan
from kinolog_api.rpc.errors import RequestViolation, RpcError, invalid_argument


class CodecCheck:
    """Refuses jobs whose codec no present worker can encode. Jobs of H.264, which all workers have, cost no request."""

    def __init__(self, workers: WorkerRegistry, store: EventStore) -> None:
        self._workers = workers
        self._store = store

    async def check_new_jobs(self, plans: Mapping[str, JobPlan]) -> dict[str, RpcError]:
        """Return the error of each refused job by its id. A job that is in the log already is not refused.

        Raises `LogUnavailable` if the registry of workers does not answer.
        """
        named = {job_id: plan for job_id, plan in plans.items() if plan.codec != VideoCodec.H264}
        if not named:
            return {}
        workers = await self._workers.present_workers()
        refused = {}
        for job_id, plan in named.items():
            codecs = known_codecs(workers, plan.model)
            if codecs is None or plan.codec in codecs or await self._store.load(job_id) is not None:
                continue
            description = (
                f"no worker of {plan.model} can encode {plan.codec} now; they have {', '.join(codecs)}"
            )
            refused[job_id] = invalid_argument([RequestViolation("codec", description)], "CODEC_UNAVAILABLE")
        return refused


def known_codecs(workers: Sequence[WorkerReport], model: str) -> tuple[VideoCodec, ...] | None:
    """Return the codecs of the workers that serve a model; None if none has said which it can encode."""
    reported = {codec for report in workers if model in report.models for codec in report.codecs}
    return tuple(codec for codec in VideoCodec if codec in reported) or None


def offered_codecs(workers: Sequence[WorkerReport], model: str) -> tuple[VideoCodec, ...]:
    """Return the codecs that jobs of a model can have: those of its workers, or else those that need no GPU."""
    return known_codecs(workers, model) or SOFTWARE_CODECS
