"""Two worker processes with two models of one class: jobs go where their model is loaded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kinolog.adapters.jetstream import subjects
from kinolog.adapters.jetstream.client.api_request import CONSUMER_NOT_FOUND, JetStreamApiError, api_request
from kinolog.job.values import Status
from kinolog_stack.servers.nats_server import NatsServer
from tests.builders.running_workers import MODEL, RunningWorkers, running_workers
from tests.fixtures.waits import until

OTHER = "another"


@pytest.fixture
async def workers(own_nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[RunningWorkers]:
    """A log, and no worker yet."""
    async with running_workers(own_nats_server, tmp_path) as workers:
        yield workers


async def _waiting(workers: RunningWorkers) -> dict[str, list[str]]:
    """Return the models that each idle worker has loaded, or nothing before the requests of both wait."""
    consumer = subjects.work_consumer("testcard", "2")
    try:
        info = await api_request(workers.issuer._client, f"$JS.API.CONSUMER.INFO.{subjects.WORK}.{consumer}")
    except JetStreamApiError as error:  # a worker that is ready makes it a moment later
        if error.number != CONSUMER_NOT_FOUND:
            raise
        return {}
    if info["num_waiting"] < 2:  # a worker reports that it is idle a moment before it requests a job
        return {}
    present = await workers.registry.present_workers()
    return {report.name: list(report.loaded_models) for report in present if not report.job_id}


async def test_jobs_go_where_their_model_is_loaded(workers: RunningWorkers) -> None:
    """Both workers wait for every job, and each has another model. A job whose worker is busy goes to the other one."""
    catalogue = workers.folder / "models.toml"
    workers.offer(step_seconds=0.01)
    card = catalogue.read_text()
    other = card.replace(f'name = "{MODEL}"', f'name = "{OTHER}"')
    names = {}
    for model, listed in ((MODEL, card + other), (OTHER, other + card)):
        catalogue.write_text(listed)  # a worker loads its first model as it starts
        names[model] = (await workers.start_worker(models=f"{MODEL},{OTHER}", model_memory=0)).name
    warm = {name: [model] for model, name in names.items()}
    for model in (OTHER, MODEL, MODEL, OTHER):
        await until(lambda: _waiting(workers), "both workers wait", lambda found: found == warm)
        job = await workers.ended(await workers.submit("A star.", model=model, steps=1))
        assert (job.status, job.worker, job.attempt) == (Status.COMPLETED, names[model], 1)
    await until(lambda: _waiting(workers), "both workers wait", lambda found: found == warm)
    busy = await workers.submit("A star.", model=MODEL, steps=10_000)
    await workers.until(busy, lambda job: job.worker == names[MODEL])
    job = await workers.ended(await workers.submit("A ring.", model=MODEL, steps=1))
    assert (job.status, job.worker) == (Status.COMPLETED, names[OTHER])
    assert (await workers.job(busy)).worker == names[MODEL]
