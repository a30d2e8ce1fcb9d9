"""LoRAs of the hub as the catalogue of this environment names them, and what of them is on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kinolog.models.choices.loras import LoraEntry
from kinolog.models.hub.hub_model import HubModel
from kinolog.models.hub.snapshots import local_snapshot
from kinolog_cli.models.local_model import local_catalogue


@dataclass(frozen=True, slots=True)
class LocalLora:
    """An entry, and the folder with its file if that is on this machine."""

    entry: LoraEntry
    folder: Path | None

    @property
    def hub(self) -> HubModel | None:
        """Its file on the hub; None for one of this machine."""
        return self.entry.hub_model

    @property
    def size_bytes(self) -> int:
        """What its file takes on the disk."""
        return 0 if self.folder is None else (self.folder / self.entry.weight_file).stat().st_size


def local_lora(name: str, revision: str | None = None) -> LocalLora | None:
    """Return the LoRA with this name; None if the catalogue has none, or a model of that name. Raises CommandFailed."""
    catalogue = local_catalogue()
    entry = catalogue.loras.get(name)
    if entry is None or catalogue.get(name) is not None:
        return None
    if revision is not None:
        entry = entry.model_copy(update={"revision": revision})
    hub = entry.hub_model
    return LocalLora(entry, None if hub is None else local_snapshot(hub))
