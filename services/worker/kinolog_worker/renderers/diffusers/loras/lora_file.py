"""The file of a LoRA: where it is, whether it is safe to read, and what identifies its content. No torch here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kinolog.job.values import UsedLora
from kinolog.models.families import Family
from kinolog.models.hub.needed_files import PICKLES, SAFE
from kinolog_worker.renderers.diffusers.content_hash import hash_of_file
from kinolog_worker.renderers.renderer import LoraSource, RenderFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraFile:
    """A LoRA whose file is on this machine. Nothing of it is loaded yet."""

    source: LoraSource
    path: Path
    sha256: str
    size_bytes: int

    @property
    def used(self) -> UsedLora:
        """What the history of a job says of it."""
        source = self.source
        return UsedLora(name=source.name, weight=source.weight, sha256=self.sha256, licence=source.licence)


def lora_files(sources: Iterable[LoraSource], family: Family) -> tuple[LoraFile, ...]:
    """Return the files of the LoRAs that change a pipeline of this family: those of weight 0 do not.

    Raises RenderFailed.
    """
    return tuple(_lora_file(source, family) for source in sources if source.weight)


def _lora_file(source: LoraSource, family: Family) -> LoraFile:
    if source.network not in family.loras:
        known = " or ".join(family.loras) or "nothing"
        raise _failed(
            "LORA_UNSUITABLE",
            source,
            f"it changes {source.network}; of {family.pipeline} a LoRA changes {known}",
        )
    path = _path_of(source)
    if path.suffix.lower() != SAFE:
        raise _failed("LORA_UNSAFE", source, f"{path.name} may hold code; convert it to safetensors")
    try:
        sha256, size_bytes = hash_of_file(path), path.stat().st_size
    except OSError as error:
        problem = f"{path} cannot be read: {error.strerror or type(error).__name__}"
        raise _failed("LORA_NOT_FOUND", source, problem, retryable=True) from error
    if source.sha256 and source.sha256 != sha256:
        problem = (
            f"the SHA-256 of {path.name} is {sha256}, and that of its entry in the catalogue {source.sha256}"
        )
        raise _failed("LORA_CHANGED", source, problem)
    return LoraFile(source=source, path=path, sha256=sha256, size_bytes=size_bytes)


def _path_of(source: LoraSource) -> Path:
    """Return the file: the source itself, or one in its folder."""
    place = Path(source.location)
    if place.is_file():
        return place
    if place.is_dir():
        return place / (source.weight_file or _only_file(place, source))
    problem = f"there is no file and no folder {source.location}"
    if not source.weight_file:
        problem += "; of a hub name its entry in the catalogue needs `weight_file`, the file on the hub"
    raise _failed("LORA_NOT_FOUND", source, problem)


def _only_file(folder: Path, source: LoraSource) -> str:
    """Return the name of the one safetensors file in a folder."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    safe = [name for name in names if name.lower().endswith(SAFE)]
    if len(safe) == 1:
        return safe[0]
    if safe:
        listed = ", ".join(safe[:5])
        problem = (
            f"{folder} has {len(safe)} weight files ({listed}); name one with `weight_file` in the catalogue"
        )
        raise _failed("LORA_NOT_FOUND", source, problem)
    if pickled := [name for name in names if Path(name).suffix.lower() in PICKLES]:
        raise _failed("LORA_UNSAFE", source, f"{pickled[0]} may hold code; convert it to safetensors")
    raise _failed("LORA_NOT_FOUND", source, f"{folder} has no safetensors file")


def _failed(code: str, source: LoraSource, problem: str, *, retryable: bool = False) -> RenderFailed:
    return RenderFailed(code, f"LoRA {source.name}: {problem}", retryable=retryable)
