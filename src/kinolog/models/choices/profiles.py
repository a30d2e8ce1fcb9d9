"""Profiles of a model: choices of LoRAs, steps and noise levels that jobs can name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from kinolog.job.rendering.profile import EXACT, StepCache
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.choices.loras import MAX_LORA_WEIGHT, MAX_LORAS
from kinolog.models.choices.step_caches import ProfileCache
from kinolog.models.families import Family, GuidanceKind

ProfileName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,19}$")]
"""Name of a profile that an entry states."""

Sigma = Annotated[float, Field(ge=0, le=1)]


class ProfileLora(BaseModel):
    """A LoRA of a profile, with a weight of its own or that of its entry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    weight: float | None = Field(None, ge=-MAX_LORA_WEIGHT, le=MAX_LORA_WEIGHT)


class ModelProfile(BaseModel):
    """What jobs of a profile have instead of the defaults of their model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    loras: tuple[ProfileLora, ...] = Field((), max_length=MAX_LORAS)
    steps: int | None = Field(None, ge=1, le=1000)
    sigmas: tuple[Sigma, ...] = Field(
        (), description="Noise levels of the steps, from the noisiest on; a last 0 may be left out."
    )
    guidance: float | None = Field(None, ge=0, le=100)
    flow_shift: float | None = Field(None, gt=0, le=100)
    cache: ProfileCache | None = Field(None, description="What is left out of steps that change little.")

    @field_validator("sigmas")
    @classmethod
    def _sigmas(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        levels = value[:-1] if value and value[-1] == 0 else value
        if any(later >= earlier for earlier, later in pairwise(levels)) or 0 in levels:
            raise ValueError("each noise level must be less than the one before, and more than 0")
        return levels

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        stated = self.model_fields_set - {"description"}
        if not stated:
            raise ValueError("state loras, steps, sigmas, guidance, flow_shift or cache")
        if self.sigmas and self.steps not in (None, len(self.sigmas)):
            raise ValueError(f"steps: there are {len(self.sigmas)} sigmas; leave steps out")
        if self.sigmas and self.flow_shift is not None:
            raise ValueError("flow_shift: sigmas are not shifted; leave it out")
        return self

    @property
    def made_steps(self) -> int | None:
        """The number of steps; None for that of the model."""
        return len(self.sigmas) or self.steps

    @property
    def step_cache(self) -> StepCache | None:
        """The step cache of its jobs; None for none."""
        return None if self.cache is None else self.cache.step_cache


def check_profiles(
    model: str,
    profiles: Mapping[ProfileName, ModelProfile],
    family: Family | None,
    max_steps: int,
    loras: Sequence[str],
) -> None:
    """Raise `CatalogueError` for a profile that a model of this family cannot have, with the LoRAs that fit it."""
    for name, profile in profiles.items():
        problem = _problem(profile, family, max_steps)
        if name == EXACT:
            problem = "it is the model as it is, and states nothing; choose another name"
        if strange := [lora.name for lora in profile.loras if lora.name not in loras]:
            known = ", ".join(loras) or "none"
            problem = problem or f"loras: {strange[0]} is no LoRA that fits; there are: {known}"
        if problem:
            raise CatalogueError(f"model {model}: profiles.{name}: {problem}")


def _problem(profile: ModelProfile, family: Family | None, max_steps: int) -> str:
    """Return what the family cannot do of a profile; empty if it can. Without a family little is known."""
    if (profile.made_steps or 0) > max_steps:
        return f"steps: the model takes at most {max_steps}"
    if family is None:
        needy = "sigmas" if profile.sigmas else "cache" if profile.cache else ""
        return f"{needy}: the entry needs `pipeline`, the class of the model" if needy else ""
    if profile.sigmas and not family.takes_sigmas:
        return f"sigmas: {family.pipeline} takes no list of noise levels; state steps"
    if profile.flow_shift is not None and not family.flow_shift:
        return f"flow_shift: {family.pipeline} has no flow shift; leave it out"
    if profile.guidance is not None and family.guidance is GuidanceKind.NONE:
        return f"guidance: {family.pipeline} draws without; leave it out"
    if profile.made_steps is not None and family.fixed_steps:
        return f"steps: those of {family.pipeline} are fixed; leave them out"
    if profile.cache is not None and profile.cache.kind not in family.caches:
        known = f"it takes {', '.join(family.caches)}" if family.caches else "it takes none"
        return f"cache: {family.pipeline} has no step cache {profile.cache.kind}; {known}"
    return ""
