"""The LoRAs of a request: filled in from the catalogue, or refused."""

from __future__ import annotations

import pytest
from kinolog_api.jobs.job_plan import JobPlan, plan_job
from kinolog_api.rpc.errors import RpcError

from kinolog.job.values import JobLora
from kinolog.models.catalogue import TINY, Catalogue, ModelEntry
from kinolog.models.choices.loras import LoraEntry
from kinolog.v1 import job_service_pb2 as pb


def _model(name: str, pipeline: str = "", renderer: str = "diffusers") -> ModelEntry:
    return ModelEntry(name=name, source=f"owner/{name}", pipeline=pipeline, renderer=renderer)


def _lora(name: str, family: str, weight: float = 1.0) -> LoraEntry:
    return LoraEntry(name=name, source="/loras", licence="mit", families=(family,), weight=weight)


CATALOGUE = Catalogue(
    [
        TINY,
        _model("wan", "WanPipeline"),
        _model("latte", "LattePipeline"),
        _model("hub"),
        _model("card", renderer="testcard"),
    ],
    "wan",
    [_lora("ink", "WanPipeline", 0.8), _lora("oil", "WanPipeline"), _lora("clay", "LTXPipeline")],
)


def _plan(model: str, *loras: pb.LoraReference) -> JobPlan:
    request = pb.SubmitJobRequest(prompt="a fox", model=model, loras=loras)
    return plan_job(request, CATALOGUE, lambda: 7)


def _named(name: str, weight: float | None = None) -> pb.LoraReference:
    return pb.LoraReference(name=name, weight=weight)


def test_a_weight_is_that_of_the_request_or_of_the_catalogue() -> None:
    """A weight of 0 is given, too. The order is that of the request."""
    assert _plan("wan", _named("oil", 0.0), _named("ink")).loras == (
        JobLora(name="oil", weight=0.0),
        JobLora(name="ink", weight=0.8),
    )
    assert _plan("latte").loras == ()


@pytest.mark.parametrize(
    ("model", "names", "field", "problem"),
    [
        (
            "wan",
            ["oil", "water"],
            "loras[1].name",
            "there is no LoRA water; those that fit wan are ink, oil",
        ),
        (
            "wan",
            ["clay"],
            "loras[0].name",
            "clay is made for LTXPipeline, and not for WanPipeline; those that fit wan are ink, oil",
        ),
        ("wan", ["oil", "oil"], "loras", "must name each once; oil is named again"),
        ("latte", ["ink"], "loras", "latte takes no LoRA: LattePipeline has none"),
        ("card", ["ink"], "loras", "card takes no LoRA: the renderer testcard has none"),
        ("hub", ["ink"], "loras[0].name", "its entry in the catalogue needs `pipeline`"),
        ("kinolog-tiny", ["water"], "loras[0].name", "none fits kinolog-tiny"),
    ],
)
def test_what_does_not_fit_is_refused(model: str, names: list[str], field: str, problem: str) -> None:
    """The error names the LoRA, and those that fit."""
    with pytest.raises(RpcError) as refused:
        _plan(model, *map(_named, names))
    (violation,) = refused.value.violations
    assert violation.field == field
    assert problem in violation.description
