"""LoRAs of the catalogue: where each comes from, under which licence, and which models it fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from kinolog.models.families import families
from kinolog.models.hub.hub_model import HubModel, hub_source

MAX_LORAS = 8
"""The most LoRAs that a job may name."""

MAX_LORA_WEIGHT = 4.0
"""The largest weight of a LoRA. The smallest is its negative."""

DEFAULT_NETWORK = "transformer"
"""The network that a LoRA changes if its entry names none and its families have one of that name."""

TriggerWords = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class LoraEntry(BaseModel):
    """One LoRA. It fits the models that it names, and those whose pipeline class is one of its families."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")
    description: str = ""
    source: str = Field(min_length=1, description="A safetensors file, a folder that has one, or a hub name.")
    revision: str | None = Field(None, description="Of a hub name.")
    weight_file: str = Field(
        "", description="The file in the folder or on the hub; may be left out if a folder has one alone."
    )
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$", description="Of the file. It is checked if stated.")
    licence: str = Field(min_length=1, max_length=200)
    families: tuple[str, ...] = Field((), description="Pipeline classes that it fits.")
    models: tuple[str, ...] = Field((), description="Models of the catalogue that it fits.")
    network: str = Field(
        "", description="The network that it changes; left out: the usual one of its families."
    )
    weight: float = Field(1.0, ge=-MAX_LORA_WEIGHT, le=MAX_LORA_WEIGHT)
    trigger_words: tuple[TriggerWords, ...] = ()
    allow_download: bool = False
    cache_folder: Path | None = None

    @field_validator("weight_file")
    @classmethod
    def _weight_file(cls, value: str) -> str:
        if value and not value.endswith(".safetensors"):
            raise ValueError(
                f"{value!r} is no safetensors file; other formats may hold code and are not loaded"
            )
        if value.startswith("/") or ".." in value.split("/"):
            raise ValueError(f"{value!r} is not a path inside the source")
        return value

    @model_validator(mode="after")
    def _names_a_file(self) -> Self:
        if self.allow_download and not self.weight_file:
            raise ValueError("weight_file: name the file of the hub that may be downloaded")
        return self

    @field_validator("families")
    @classmethod
    def _families(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pipeline in value:
            family = families().get(pipeline)
            if family is None:
                raise ValueError(f"there is no family {pipeline}; docs/models.md has the table")
            if not family.loras:
                raise ValueError(f"{pipeline} takes no LoRA")
        return value

    @model_validator(mode="after")
    def _has_a_base(self) -> Self:
        if not self.families and not self.models:
            raise ValueError("name the families or the models that it fits")
        for pipeline in self.families:
            if self.network and self.network not in (networks := families()[pipeline].loras):
                raise ValueError(f"network: of {pipeline} a LoRA changes {' or '.join(networks)}")
        return self

    @property
    def hub_model(self) -> HubModel | None:
        """Its file on the hub; None for one of this machine, and for an entry that names no file."""
        model = hub_source(self.source, self.revision, self.cache_folder)
        return replace(model, file=self.weight_file) if model is not None and self.weight_file else None

    def fits(self, model: str, pipeline: str) -> bool:
        """Return whether it fits a model of this name, whose pipeline class is known or empty."""
        return model in self.models or pipeline in self.families

    def network_of(self, pipeline: str) -> str:
        """Return the network that it changes in a pipeline of this class."""
        family = families().get(pipeline)
        return self.network or (family.loras[0] if family and family.loras else DEFAULT_NETWORK)
