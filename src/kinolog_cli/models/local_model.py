"""Models as the catalogue of this environment names them, and what of them is on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kinolog.models.catalogue import Catalogue, ModelEntry, load_catalogue, with_family
from kinolog.models.catalogue_file import CatalogueError
from kinolog.models.hub.hub_model import HubModel, default_cache, is_hub_name
from kinolog.models.hub.snapshots import local_commits, occupied_bytes, pinned_models
from kinolog.models.known_models import known_models, known_table, name_of_source
from kinolog.models.memory.needs import DrawnSize, ModelMemory, folder_memory
from kinolog.models.memory.placement import AUTO, Rung, ladder_of
from kinolog.models.memory.planner import DoesNotFit, MemoryFigures, gib, plan_placement
from kinolog.models.memory.weights import WeightsUnreadable
from kinolog.models.model_folder import hub_model, loaded_parts, local_folder
from kinolog.models.renderers import DEFAULT_RENDERER, EMBEDDED, VIDEO_SERVER_RENDERER
from kinolog.process.settings import CatalogueSettings
from kinolog_cli.errors import CommandFailed
from kinolog_cli.exit_codes import ExitCode

NameArgument = Annotated[
    str,
    typer.Argument(
        help="Name in the catalogue, of a well-known model, or of the hub as owner/name.", metavar="NAME"
    ),
]
_FOUR_BYTES = "float32"


@dataclass(frozen=True, slots=True)
class LocalModel:
    """An entry, and the folder of its files if all of them are on this machine."""

    entry: ModelEntry
    folder: Path | None

    @property
    def hub(self) -> HubModel | None:
        """The model of the hub that it is; None for a folder."""
        return hub_model(self.entry)

    @property
    def state(self) -> str:
        """Whether its files are on this machine."""
        if self.folder is not None or self.entry.source == EMBEDDED:
            return "here"
        return "partly here" if self.hub is not None and self.hub.folder.is_dir() else "not here"

    @property
    def revision(self) -> str:
        """The commit that is used, or the revision that is asked for; empty for a folder."""
        if self.hub is None:
            return ""
        return self.folder.name if self.folder else next(iter(local_commits(self.hub)), self.hub.revision)

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk."""
        place = self.folder or (self.hub.folder if self.hub is not None else None)
        return occupied_bytes(place) if place is not None and place.is_dir() else 0

    @property
    def size(self) -> DrawnSize:
        """The size of its scenes if a job says nothing of it."""
        defaults = self.entry.defaults
        return DrawnSize(width=defaults.width, height=defaults.height, frames=defaults.frames)

    def memory(self) -> ModelMemory | None:
        """Return what it needs of memory; None if it is not here or cannot be measured."""
        family = self.entry.family
        if self.folder is None or family is None or family.refusal:
            return None
        options = self.entry.options
        try:
            return folder_memory(
                self.folder,
                family,
                weight_bytes=4 if options.get("dtype") == _FOUR_BYTES else 2,
                vae_dtype=str(options.get("vae_dtype", "")),
                parts=loaded_parts(self.folder),
                denoiser=Path(self.entry.source) if self.entry.base else None,
            )
        except (WeightsUnreadable, OSError, ValueError):
            return None

    @property
    def rungs(self) -> tuple[Rung, ...]:
        """The rungs that a worker may place it on."""
        return ladder_of(str(self.entry.options.get("placement", AUTO)))

    def fit(self, figures: MemoryFigures | None) -> str:
        """Return how it fits a device, for people; empty if that is not known."""
        memory = self.memory()
        if memory is None or figures is None:
            return ""
        if not any(map(memory.has, self.rungs)):
            return f"no: it has no placement {self.rungs[0].weights} here"
        try:
            plan = plan_placement(memory, self.size, figures, self.rungs)
        except DoesNotFit as refused:
            return f"no: needs {gib(refused.needed_bytes)}"
        return f"{plan.rung}: {gib(plan.need.device_bytes)}"


def local_model(name: str, revision: str | None = None) -> LocalModel:
    """Return the model with this name.

    Raises CommandFailed for a name that no catalogue has, and for a model that a server runs.
    """
    catalogue = local_catalogue()
    entry = (catalogue.get(name) if name else None) or _by_source(catalogue, name) or _unlisted(name)
    if entry is None:
        names = ", ".join([*catalogue.names, *known_models()])
        raise CommandFailed(
            ExitCode.NOT_FOUND,
            f"there is no model {name}; write owner/name for one of the hub, or one of {names}",
        )
    if entry.renderer == VIDEO_SERVER_RENDERER:
        problem = f"{name} is run by the server at {entry.source}: there are no files of it here"
        raise CommandFailed(ExitCode.USAGE, problem)
    if revision is not None:
        entry = entry.model_copy(update={"revision": revision})
    entry = with_family(entry)
    return LocalModel(entry, local_folder(entry))


def local_models(*, known: bool = False) -> Iterator[LocalModel]:
    """Yield the models of the catalogue, and others that are here; all well-known ones if `known`."""
    catalogue = local_catalogue()
    sources = {entry.source for entry in catalogue}
    lora_sources = {lora.source for lora in catalogue.loras.values()}
    for entry in catalogue:
        if entry.renderer == DEFAULT_RENDERER:
            yield LocalModel(entry, local_folder(entry))
    for model in pinned_models(default_cache()):
        if model.name not in sources | lora_sources and known_table(model.name) is None:
            name = name_of_source(model.name)
            entry = with_family(ModelEntry(name=name, source=model.name, revision=model.revision))
            yield LocalModel(entry, local_folder(entry))
    for table in known_models().values():
        if table["source"] not in sources:
            entry = with_family(ModelEntry.model_validate(table))
            found = LocalModel(entry, local_folder(entry))
            if known or found.state != "not here":
                yield found


def local_catalogue() -> Catalogue:
    """Return the catalogue that the settings of this environment name. Raises CommandFailed."""
    try:
        return load_catalogue(CatalogueSettings())
    except CatalogueError as error:
        raise CommandFailed(ExitCode.USAGE, str(error)) from error


def _by_source(catalogue: Catalogue, source: str) -> ModelEntry | None:
    return next((entry for entry in catalogue if entry.source == source), None)


def _unlisted(name: str) -> ModelEntry | None:
    """Return the entry of a model that no catalogue has: a well-known one, one of the hub, or a folder."""
    table = known_table(name)
    if table is not None:
        return ModelEntry.model_validate(table)
    if is_hub_name(name) or (name and Path(name).is_dir()):
        return ModelEntry(name=name_of_source(name), source=name)
    return None
