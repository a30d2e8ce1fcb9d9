"""Where the files of a catalogue entry are on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from kinolog.models.hub.hub_model import MAIN, HubModel, default_cache, is_hub_name
from kinolog.models.hub.needed_files import DENOISER, part_folders
from kinolog.models.hub.snapshots import local_snapshot
from kinolog.models.model_index import MODULAR_INDEX, ORDINARY_INDEX
from kinolog.models.renderers import DEFAULT_RENDERER, EMBEDDED

if TYPE_CHECKING:
    from kinolog.models.catalogue import ModelEntry


def hub_model(entry: ModelEntry) -> HubModel | None:
    """Return the model of the hub that an entry names; None for a folder, and for a model of another renderer."""
    if (
        entry.renderer != DEFAULT_RENDERER
        or entry.source == EMBEDDED
        or not is_hub_name(entry.pipeline_source)
    ):
        return None
    folder = entry.options.get("cache_folder")
    cache = Path(str(folder)).expanduser() if folder else default_cache()
    return HubModel(
        name=entry.pipeline_source,
        revision=entry.revision or MAIN,
        cache=cache,
        without=(DENOISER,) if entry.base else (),
    )


def local_folder(entry: ModelEntry) -> Path | None:
    """Return the folder of an entry's pipeline; None for the embedded model, and for one that is not whole here."""
    if entry.source == EMBEDDED:
        return None
    model = hub_model(entry)
    if model is not None:
        return local_snapshot(model)
    folder = Path(entry.pipeline_source)
    return folder if folder.is_dir() else None


def loaded_parts(folder: Path) -> frozenset[str] | None:
    """Return the sub-folders of a modular pipeline that are loaded; None for an ordinary one, of which all are.

    Raises OSError and ValueError.
    """
    if (folder / ORDINARY_INDEX).is_file():
        return None
    index = json.loads((folder / MODULAR_INDEX).read_text(encoding="utf-8"))
    return part_folders(index, modular=True)
