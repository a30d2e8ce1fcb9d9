"""The profile of a request: what it fills in, or why it cannot be had. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from kinolog.counts import counted
from kinolog.job.rendering.profile import EXACT
from kinolog.job.values import JobLora
from kinolog.models.catalogue import ModelEntry
from kinolog.models.choices.loras import MAX_LORAS, LoraEntry
from kinolog.models.choices.profiles import ModelProfile
from kinolog.v1 import job_service_pb2 as pb
from kinolog_api.rpc.errors import RequestViolation


def profile_name(request: pb.SubmitJobRequest) -> str:
    """Return the name of the profile that a request names; empty if it names none."""
    return request.profile.strip().lower()


def chosen_profile(request: pb.SubmitJobRequest, model: ModelEntry) -> ModelProfile | None:
    """Return the profile that a request names; None for none, for the model as it is, and for one that is missing."""
    return next((profile for name, profile in model.profiles.items() if name == profile_name(request)), None)


def profile_loras(
    profile: ModelProfile | None, named: tuple[JobLora, ...], loras: Mapping[str, LoraEntry]
) -> tuple[JobLora, ...]:
    """Return the LoRAs of a profile and those that a request names. Of both the weight is that of the request."""
    own = {lora.name for lora in named}
    listed = profile.loras if profile is not None else ()
    filled_in = tuple(
        JobLora(name=lora.name, weight=loras[lora.name].weight if lora.weight is None else lora.weight)
        for lora in listed
        if lora.name not in own
    )
    return filled_in + named


def profile_violations(
    request: pb.SubmitJobRequest, model: ModelEntry, loras: tuple[JobLora, ...]
) -> list[RequestViolation]:
    """Return what is wrong with a profile: the model has it, and other fields do not contradict it."""
    name, profile = profile_name(request), chosen_profile(request, model)
    if profile is None:
        if name in ("", EXACT):
            return []
        known = ", ".join([EXACT, *model.profiles])
        return [RequestViolation("profile", f"must be a profile of {model.name}: {known}")]
    found = []
    if profile.sigmas and request.HasField("steps") and request.steps != len(profile.sigmas):
        problem = f"{name} of {model.name} has {counted(len(profile.sigmas), 'step')}, which are fixed. Leave it out"
        found.append(RequestViolation("steps", problem))
    if len(loras) > MAX_LORAS:
        problem = f"are {len(loras)} with those of {name}; a job has at most {MAX_LORAS}"
        found.append(RequestViolation("loras", problem))
    return found
