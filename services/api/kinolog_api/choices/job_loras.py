"""The LoRAs of a request, checked against the catalogue and filled in. Pure."""

from __future__ import annotations

from collections import Counter

from kinolog.job.values import JobLora
from kinolog.models.catalogue import Catalogue, ModelEntry
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation


def job_loras(request: pb.SubmitJobRequest, catalogue: Catalogue) -> tuple[JobLora, ...]:
    """Return the LoRAs that a request names, each with a weight. Those that the catalogue lacks are left out."""
    return tuple(
        JobLora(name=named.name, weight=named.weight if named.HasField("weight") else entry.weight)
        for named in request.loras
        if (entry := catalogue.loras.get(named.name)) is not None
    )


def lora_violations(
    request: pb.SubmitJobRequest, model: ModelEntry, catalogue: Catalogue
) -> list[RequestViolation]:
    """Return what is wrong with the LoRAs of a request: each is in the catalogue, fits the model, and is named once."""
    if not request.loras:
        return []
    if not model.takes_loras:
        drawn_by = model.pipeline or f"the renderer {model.renderer}"
        problem = f"{model.name} takes no LoRA: {drawn_by} has none. Leave them out"
        return [RequestViolation("loras", problem)]
    fitting = [lora.name for lora in catalogue.loras_of(model)]
    offered = (
        f"those that fit {model.name} are {', '.join(fitting)}" if fitting else f"none fits {model.name}"
    )
    names = [named.name for named in request.loras]
    found = []
    for index, name in enumerate(names):
        if name not in catalogue.loras:
            found.append(_violation(index, f"there is no LoRA {name}; {offered}"))
        elif name not in fitting:
            found.append(_violation(index, _misfit(name, model, catalogue, offered)))
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        found.append(RequestViolation("loras", f"must name each once; {', '.join(repeated)} is named again"))
    return found


def _misfit(name: str, model: ModelEntry, catalogue: Catalogue, offered: str) -> str:
    """Return why a LoRA does not fit a model."""
    lora = catalogue.loras[name]
    if lora.families and not model.pipeline:
        return f"what {model.name} is made of is not known here; its entry in the catalogue needs `pipeline`"
    made_for = ", ".join((*lora.families, *lora.models))
    return f"{name} is made for {made_for}, and not for {model.pipeline or model.name}; {offered}"


def _violation(index: int, description: str) -> RequestViolation:
    return RequestViolation(f"loras[{index}].name", description)
