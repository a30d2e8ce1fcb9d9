"""Step caches of profiles: what the catalogue states of them."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from kinolog.job.rendering.profile import CacheKind, StepCache

_TAYLOR = ("interval", "full_steps", "order")


class ProfileCache(BaseModel):
    """The step cache of a profile. `docs/models.md` describes the kinds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: CacheKind
    threshold: float = Field(0.05, gt=0, le=10, description="Of first-block: the change that is too little.")
    interval: int = Field(
        5, ge=2, le=100, description="Of the others: each so many steps one is computed whole."
    )
    full_steps: int = Field(
        3, ge=2, le=1000, description="Of the others: the first steps, all computed whole."
    )
    order: int = Field(1, ge=0, le=4, description="Of the others: the order of the Taylor series.")

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        others = _TAYLOR if self.kind is CacheKind.FIRST_BLOCK else ("threshold",)
        if strange := [name for name in others if name in self.model_fields_set]:
            raise ValueError(f"{strange[0]}: {self.kind} has none; leave it out")
        return self

    @property
    def step_cache(self) -> StepCache:
        """The step cache of jobs, in which values that the kind does not have are 0."""
        if self.kind is CacheKind.FIRST_BLOCK:
            return StepCache(kind=self.kind, threshold=self.threshold)
        return StepCache(kind=self.kind, interval=self.interval, full_steps=self.full_steps, order=self.order)
