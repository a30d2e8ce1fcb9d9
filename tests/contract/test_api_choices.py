"""LoRAs and profiles of jobs: listed, filled in, and recorded in the log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kinolog.ids import new_id
from kinolog.job import commands as c
from kinolog.job.rendering.profile import CacheKind, StepCache
from kinolog.job.values import JobLora, Runtime
from kinolog.models.catalogue import TINY, Catalogue
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.choices.profiles import ModelProfile, ProfileLora
from kinolog.models.choices.step_caches import ProfileCache
from kinolog.v1 import job_pb2
from kinolog.v1 import job_service_pb2 as pb
from tests.builders.running_api import MEDIA, RunningApi, running_api

INK = LoraEntry(
    name="ink",
    source="/loras/ink",
    licence="apache-2.0",
    models=(TINY.name,),
    weight=0.8,
    trigger_words=("ink wash",),
)
TURBO = ModelProfile(steps=4, guidance=1.0, loras=(ProfileLora(name="ink", weight=0.5),))
CACHED = ModelProfile(cache=ProfileCache(kind=CacheKind.TAYLOR, interval=4))
MODEL = TINY.model_copy(update={"pipeline": "WanPipeline", "profiles": {"turbo": TURBO, "cached": CACHED}})
CATALOGUE = Catalogue([MODEL], TINY.name, [INK])


@pytest.fixture
async def api() -> AsyncIterator[RunningApi]:
    """An api whose model has a LoRA and a profile."""
    async with running_api(catalogue=CATALOGUE) as running:
        yield running


async def test_what_a_job_chose_is_in_the_log(api: RunningApi) -> None:
    """The values, not the name alone: a later catalogue changes no job."""
    job_id = await api.submit(profile="turbo")
    loaded = await api.store.load(job_id)
    assert loaded is not None
    spec = loaded.job.spec
    assert (spec.profile, spec.steps, spec.guidance) == ("turbo", 4, 1.0)
    assert spec.loras == (JobLora(name="ink", weight=0.5),)
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert (job.spec.profile, list(job.spec.loras)) == ("turbo", [job_pb2.JobLora(name="ink", weight=0.5)])


async def test_a_step_cache_is_in_the_log(api: RunningApi) -> None:
    """With all its values, and in the job that reproduces another."""
    job_id = await api.submit(profile="cached")
    loaded = await api.store.load(job_id)
    assert loaded is not None
    assert loaded.job.spec.cache == StepCache(kind="taylor", interval=4, full_steps=3, order=1)
    job = (await api.jobs.GetJob(pb.GetJobRequest(job_id=job_id))).job
    assert job.spec.cache == job_pb2.StepCache(kind="taylor", interval=4, full_steps=3, order=1)
    started = c.StartAttempt(id=new_id(), actor="w1", runtime=Runtime())
    done = c.Complete(id=new_id(), actor="w1", attempt=1, artifacts=(), media=MEDIA, gpu_seconds=1.5)
    await api.work(job_id, started, done)
    again = (await api.jobs.ReproduceJob(pb.ReproduceJobRequest(job_id=job_id))).job
    assert again.spec == job.spec


async def test_they_are_listed(api: RunningApi) -> None:
    """With all that a request needs to know."""
    listed = await api.jobs.ListModels(pb.ListModelsRequest())
    (lora,) = listed.loras
    assert (lora.name, lora.licence, list(lora.models)) == ("ink", "apache-2.0", [TINY.name])
    assert (lora.default_weight, list(lora.trigger_words)) == (0.8, ["ink wash"])
    exact, turbo, cached = listed.models[0].profiles
    assert not exact.HasField("cache")
    assert cached.cache == job_pb2.StepCache(kind="taylor", interval=4, full_steps=3, order=1)
    assert (exact.name, exact.steps, exact.guidance) == ("exact", 20, 2.0)
    assert (turbo.name, turbo.steps, turbo.guidance) == ("turbo", 4, 1.0)
    assert list(turbo.loras) == [job_pb2.JobLora(name="ink", weight=0.5)]
