"""The profile of a request: filled in as the job is submitted, or refused."""

from __future__ import annotations

from typing import Any

import pytest
from kinolog_api.jobs.job_plan import JobPlan, plan_job
from kinolog_api.rpc.errors import RpcError

from kinolog.job.values import JobLora
from kinolog.models.catalogue import TINY, Catalogue, ModelEntry
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.choices.profiles import ModelProfile, ProfileLora
from kinolog.models.choices.render_defaults import RenderDefaults
from kinolog.v1 import job_service_pb2 as pb

LORAS = [
    LoraEntry(name=name, source="/loras", licence="mit", families=("WanPipeline",), weight=0.8)
    for name in ("speed", "ink", *(f"lora-{number}" for number in range(8)))
]
CATALOGUE = Catalogue(
    [
        TINY,
        ModelEntry(
            name="wan",
            source="owner/wan",
            pipeline="WanPipeline",
            defaults=RenderDefaults(steps=50, guidance=5.0),
            profiles={
                "turbo": ModelProfile(
                    sigmas=(1.0, 0.7, 0.3), guidance=1.0, loras=(ProfileLora(name="speed"),)
                ),
                "fast": ModelProfile(steps=20, flow_shift=8.0),
            },
        ),
    ],
    "wan",
    LORAS,
)


def _plan(**fields: Any) -> JobPlan:
    return plan_job(pb.SubmitJobRequest(**{"prompt": "a fox"} | fields), CATALOGUE, lambda: 7)


def test_a_profile_fills_in_what_it_states() -> None:
    """And nothing else. The log has the values, so that the catalogue may change."""
    turbo, fast = _plan(profile=" Turbo "), _plan(profile="fast")
    assert (turbo.profile, turbo.steps, turbo.guidance, turbo.sigmas) == ("turbo", 3, 1.0, (1.0, 0.7, 0.3))
    assert turbo.loras == (JobLora(name="speed", weight=0.8),)
    assert (fast.profile, fast.steps, fast.guidance, fast.flow_shift) == ("fast", 20, 5.0, 8.0)
    assert (fast.sigmas, fast.loras) == ((), ())


@pytest.mark.parametrize("model", ["wan", "kinolog-tiny"])
def test_exact_changes_nothing(model: str) -> None:
    """Each model has it."""
    exact, unnamed = _plan(model=model, profile="exact"), _plan(model=model)
    assert (exact.steps, exact.guidance, exact.loras) == (unnamed.steps, unnamed.guidance, ())
    assert (exact.profile, exact.sigmas, exact.flow_shift) == ("exact", (), 0.0)


def test_what_a_request_states_wins() -> None:
    """Its guidance, its steps where they are not noise levels, and its weight of a LoRA that both name."""
    own = _plan(profile="fast", steps=12, guidance=2.0)
    assert (own.steps, own.guidance, own.flow_shift) == (12, 2.0, 8.0)
    named = [pb.LoraReference(name="ink"), pb.LoraReference(name="speed", weight=0.5)]
    assert [(lora.name, lora.weight) for lora in _plan(profile="turbo", loras=named).loras] == [
        ("ink", 0.8),
        ("speed", 0.5),
    ]
    assert [lora.name for lora in _plan(profile="turbo", loras=named[:1]).loras] == ["speed", "ink"]
    assert _plan(profile="turbo", steps=3).steps == 3


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"profile": "best"}, "profile", "must be a profile of wan: exact, turbo, fast"),
        ({"profile": "turbo", "model": "kinolog-tiny"}, "profile", "a profile of kinolog-tiny: exact"),
        ({"profile": "turbo", "steps": 4}, "steps", "turbo of wan has 3 steps, which are fixed"),
        (
            {"profile": "turbo", "loras": [pb.LoraReference(name=f"lora-{number}") for number in range(8)]},
            "loras",
            "are 9 with those of turbo; a job has at most 8",
        ),
    ],
)
def test_what_contradicts_a_profile_is_refused(fields: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(RpcError) as refused:
        _plan(**fields)
    (violation,) = refused.value.violations
    assert violation.field == field
    assert problem in violation.description
