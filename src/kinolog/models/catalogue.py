"""The catalogue: the models of an installation, with their limits and defaults.

Three sources, later ones override earlier ones: the embedded model, a TOML file (`KINOLOG_CATALOGUE`), and a setting
(`KINOLOG_MODEL=/models/Wan2.1-T2V-1.3B-Diffusers`) that adds a pipeline and makes it the default. docs/models.md
describes the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from operator import add
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kinolog.models.catalogue_file import CatalogueError, entry_of, named_entries, read_tables
from kinolog.models.choices.loras import LoraEntry
from kinolog.models.choices.profiles import ModelProfile, ProfileName, check_profiles
from kinolog.models.choices.render_defaults import RenderDefaults
from kinolog.models.families import Family, families
from kinolog.models.hub.needed_files import GGUF, source_problem
from kinolog.models.known_models import known_models, table_of_source, with_known
from kinolog.models.memory.placement import AUTO, PLACEMENTS, QUANTISED_NEVER
from kinolog.models.model_folder import local_folder
from kinolog.models.model_index import pipeline_class
from kinolog.models.postprocess.upscalers import UpscalerEntry
from kinolog.models.renderers import (
    DEFAULT_OPTIONS,
    DEFAULT_RENDERER,
    EMBEDDED,
    RENDERER_GROUP,
    VIDEO_SERVER_RENDERER,
    installed_renderers,
)
from kinolog.models.servers.video_server import check_classes, server_problem
from kinolog.process.settings import CatalogueSettings
from kinolog.storyboard.planner import MAX_SCENES, MIN_SCENE_FRAMES

STYLES = ("cinematic", "documentary", "animation", "watercolor", "noir", "vintage", "minimal", "realistic")


class ModelEntry(BaseModel):
    """One model. `native_*` of the embedded one is the maximum of its network: its pixels are enlarged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")
    description: str = ""
    source: str = Field(
        min_length=1, description="Folder or hub name of a diffusers pipeline, or `embedded`."
    )
    base: str = Field(
        "",
        description="Folder or hub name of the pipeline that a single file of weights in `source` belongs to.",
    )
    revision: str | None = None
    pipeline: str = Field(
        "", description="Class of the diffusers pipeline. Read from the source if that is a folder here."
    )
    licence: str = Field("", description="Licence of the weights, for people.")
    renderer: str = Field(DEFAULT_RENDERER, description="Name of an entry point in `kinolog.renderers`.")
    concurrency: int = Field(
        0, ge=0, le=64, description="Jobs that a worker has at once, of a renderer that delivers files."
    )
    model_class: str = Field("default", pattern=r"^[a-z0-9-]{1,40}$")
    native_width: int | None = Field(None, ge=16)
    native_height: int | None = Field(None, ge=16)
    native_frames: int | None = Field(None, ge=1)
    sizes: tuple[str, ...] = ()
    max_frames: int = Field(257, ge=1)
    max_steps: int = Field(200, ge=1)
    max_pixels: int = Field(2048 * 2048, ge=256)
    styles: tuple[str, ...] = STYLES
    vocabulary: tuple[str, ...] = Field((), description="Words that the model knows; empty if it takes any.")
    defaults: RenderDefaults = RenderDefaults()
    options: Mapping[str, Any] = Field(default_factory=dict)
    profiles: Mapping[ProfileName, ModelProfile] = Field(default_factory=dict)

    @field_validator("renderer")
    @classmethod
    def _renderer(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value):
            known = ", ".join(installed_renderers()) or "none"
            raise ValueError(
                f"{value!r} is not a renderer; a renderer is named by its entry point in the group "
                f"{RENDERER_GROUP}, installed are: {known}"
            )
        return value

    @model_validator(mode="after")
    def _known_options(self) -> ModelEntry:
        unknown = sorted(set(self.options) - DEFAULT_OPTIONS) if self.renderer == DEFAULT_RENDERER else []
        if unknown:
            raise ValueError(
                f"options: there is no option {' and no option '.join(unknown)}; there are "
                f"{', '.join(sorted(DEFAULT_OPTIONS))}"
            )
        placement = self.options.get("placement", AUTO)
        if self.renderer == DEFAULT_RENDERER and placement not in PLACEMENTS:
            raise ValueError(
                f"options.placement: there is no placement {placement!r}; there are {', '.join(PLACEMENTS)}"
            )
        if self.source.lower().endswith(GGUF) and placement in QUANTISED_NEVER:
            raise ValueError(f"options.placement: quantised weights have no placement {placement}")
        return self

    @model_validator(mode="after")
    def _drawn_as_large_as_requested(self) -> Self:
        enlarged = [
            name for name in ("native_width", "native_height", "native_frames") if getattr(self, name)
        ]
        if enlarged and self.source != EMBEDDED:
            raise ValueError(
                f"{', '.join(enlarged)}: pixels and frames of the embedded model alone are repeated; leave "
                f"{'it' if len(enlarged) == 1 else 'them'} out, and "
                "limit jobs with sizes or max_pixels, and max_frames"
            )
        return self

    @field_validator("sizes")
    @classmethod
    def _sizes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for size in value:
            if not re.fullmatch(r"\d{2,4}x\d{2,4}", size):
                raise ValueError(f"{size!r} is not a size; write it as WIDTHxHEIGHT, such as 832x480")
        return value

    @model_validator(mode="after")
    def _usable_source(self) -> Self:
        if self.renderer == DEFAULT_RENDERER and (problem := source_problem(self.source, self.base)):
            raise ValueError(problem)
        if problem := server_problem(self):
            raise ValueError(problem)
        return self

    @property
    def files_at_once(self) -> int:
        """How many jobs of it a worker has at once beside its device; 0 if they use the device."""
        return self.concurrency or int(self.renderer == VIDEO_SERVER_RENDERER)

    @property
    def pipeline_source(self) -> str:
        """The folder or hub name of its pipeline: its base if the source is a single file."""
        return self.base or self.source

    @property
    def family(self) -> Family | None:
        """The family of its pipeline; None if its class is not known here, or not in the table."""
        return families().get(self.pipeline)

    @property
    def takes_loras(self) -> bool:
        """Whether LoRAs can change it, as far as its class is known here."""
        return self.renderer == DEFAULT_RENDERER and (self.family is None or bool(self.family.loras))

    @property
    def window_frames(self) -> int:
        """The longest part that scenes of chained jobs are cut into; 0 if no scene of the model goes on from another.

        It is the number of frames that the model draws by default, without those that it draws again.
        """
        family = self.family
        if family is None or not family.chain_frames:
            return 0
        drawn = min(filter(None, (self.defaults.frames, family.longest)))
        return max(MIN_SCENE_FRAMES, drawn - family.redrawn_frames(drawn))

    def most_frames(self, *, chained: bool) -> int:
        """Return the length of the longest job. A chained one may have all windows if the entry states no length."""
        if not chained or "max_frames" in self.model_fields_set:
            return self.max_frames
        return max(self.max_frames, MAX_SCENES * self.window_frames)

    def longest_drawn_scene(self, scene_frames: Sequence[int], *, chained: bool) -> int:
        """Return the frames that are drawn for the longest of these scenes, with those that are drawn again."""
        again = self.redrawn_frames(scene_frames) if chained else [0] * len(scene_frames)
        return max(map(add, scene_frames, again), default=0)

    def redrawn_frames(self, scene_frames: Sequence[int]) -> list[int]:
        """Return how many frames each scene of a chained job draws again of the one before."""
        if self.family is None:
            return [0] * len(scene_frames)
        return [0, *map(self.family.redrawn_frames, scene_frames[:-1])]

    def drawn_pixels(self, width: int, height: int, frames: int) -> int:
        """Return the pixels in all frames of a scene of this size, at most so many as the model has natively."""
        return (
            min(width, self.native_width or width)
            * min(height, self.native_height or height)
            * min(frames, self.native_frames or frames)
        )

    def takes_size(self, width: int, height: int) -> bool:
        """Return whether the model accepts this size."""
        if self.sizes:
            return f"{width}x{height}" in self.sizes
        return width % 2 == 0 and height % 2 == 0 and width * height <= self.max_pixels


class Catalogue:
    """Models by name, one of them the default, and LoRAs and upscalers by name."""

    def __init__(
        self,
        entries: Iterable[ModelEntry],
        default: str,
        loras: Iterable[LoraEntry] = (),
        upscalers: Iterable[UpscalerEntry] = (),
    ) -> None:
        """Raises `CatalogueError` for what does not fit together, such as a default that is missing."""
        self._entries = {entry.name: entry for entry in entries}
        self.upscalers: Mapping[str, UpscalerEntry] = {entry.name: entry for entry in upscalers}
        if default not in self._entries:
            raise CatalogueError(f"the default model {default!r} is not in the catalogue")
        self.default = self._entries[default]
        self.loras: Mapping[str, LoraEntry] = {lora.name: lora for lora in loras}
        check_classes(self)
        for lora in self.loras.values():
            self._check_models(lora)
        for entry in self:
            fitting = [lora.name for lora in self.loras_of(entry)]
            check_profiles(entry.name, entry.profiles, entry.family, entry.max_steps, fitting)

    def __iter__(self) -> Iterator[ModelEntry]:
        return iter(self._entries.values())

    def get(self, name: str) -> ModelEntry | None:
        """Return the model of that name, the default for an empty name, or None."""
        return self._entries.get(name) if name else self.default

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of the catalogue."""
        return tuple(self._entries)

    def loras_of(self, model: ModelEntry) -> tuple[LoraEntry, ...]:
        """Return the LoRAs that fit a model."""
        fitting = (lora for lora in self.loras.values() if lora.fits(model.name, model.pipeline))
        return tuple(fitting) if model.takes_loras else ()

    def _check_models(self, lora: LoraEntry) -> None:
        for name in lora.models:
            model = self._entries.get(name)
            if model is None:
                known = ", ".join(self._entries)
                raise CatalogueError(f"LoRA {lora.name}: models: there is no model {name}; there are {known}")
            if not model.takes_loras:
                raise CatalogueError(f"LoRA {lora.name}: models: {name} takes no LoRA")


_TINY_WORDS = Path(__file__).with_name("kinolog_tiny_words.txt")
"""The tokens of the embedded model's tokenizer. A test compares them."""

TINY = ModelEntry(
    name="kinolog-tiny",
    description="A small model that is included: simple shapes, colours and motions on a laptop CPU.",
    source=EMBEDDED,
    model_class="tiny",
    native_width=64,
    native_height=64,
    native_frames=33,
    sizes=("64x64", "128x128", "256x256", "512x512"),
    max_frames=480,
    max_steps=100,
    vocabulary=tuple(_TINY_WORDS.read_text(encoding="utf-8").split()),
    defaults=RenderDefaults(width=256, height=256, frames=17, fps=8, steps=20, guidance=2.0),
)


def load_catalogue(settings: CatalogueSettings) -> Catalogue:
    """Return the catalogue of these settings. Raises `CatalogueError`."""
    entries = {TINY.name: TINY}
    default = TINY.name
    loras: list[LoraEntry] = []
    upscalers: list[UpscalerEntry] = []
    if settings.catalogue is not None:
        listed, chosen, loras, upscalers = _read(settings.catalogue)
        entries.update((entry.name, entry) for entry in listed)
        default = chosen or (listed[0].name if listed else default)
    if settings.model is not None:
        entry = _from_source(settings.model)
        entries[entry.name] = entry
        default = entry.name
    return Catalogue(map(with_family, entries.values()), default, loras, upscalers)


def with_family(entry: ModelEntry) -> ModelEntry:
    """Return the entry with the class of its pipeline, and the native values of that family where it states none.

    An entry of another renderer, or whose files are not on this machine, is returned as it is, unless it names its
    class. Raises `CatalogueError` for an option that the family does not have.
    """
    if entry.renderer != DEFAULT_RENDERER or entry.source == EMBEDDED:
        return entry
    if not entry.pipeline and (folder := local_folder(entry)) is not None:
        entry = entry.model_copy(update={"pipeline": pipeline_class(folder) or ""})
    family = entry.family
    if family is None or family.native is None:
        return entry
    if "flow_shift" in entry.options and not family.flow_shift:
        raise CatalogueError(
            f"model {entry.name}: options.flow_shift: {family.pipeline} has no flow shift; leave the option out"
        )
    native = asdict(family.native)
    native["frames"] = min(native["frames"], entry.max_frames)
    native["steps"] = min(native["steps"], entry.max_steps)
    if not entry.takes_size(native["width"], native["height"]):
        del native["width"], native["height"]
    stated = entry.defaults.model_fields_set
    defaults = {name: value for name, value in native.items() if name not in stated}
    return entry.model_copy(update={"defaults": entry.defaults.model_copy(update=defaults)})


class _ReadCatalogue(NamedTuple):
    models: list[ModelEntry]
    default: str | None
    loras: list[LoraEntry]
    upscalers: list[UpscalerEntry]


def _read(path: Path) -> _ReadCatalogue:
    tables = read_tables(path)
    return _ReadCatalogue(
        models=[_model(f"{path}: model {number}", table) for number, table in enumerate(tables.models, 1)],
        default=tables.default,
        loras=named_entries(LoraEntry, tables.loras, f"{path}: LoRA"),
        upscalers=named_entries(UpscalerEntry, tables.upscalers, f"{path}: upscaler"),
    )


def _model(place: str, table: object) -> ModelEntry:
    try:
        stated = with_known(table) if isinstance(table, dict) else table
    except KeyError as error:
        known = ", ".join(known_models())
        raise CatalogueError(f"{place}: known: there is no {error}; there are {known}") from error
    return entry_of(ModelEntry, stated, place)


def _from_source(source: str) -> ModelEntry:
    try:
        table = table_of_source(source)
    except ValueError as error:
        raise CatalogueError(f"KINOLOG_MODEL: {error}") from error
    return entry_of(ModelEntry, table, "KINOLOG_MODEL")
