"""Which files of a model folder kinolog loads. Pure: of a folder of the hub, or of one on this machine.

Of each part of the pipeline these are its configuration, its tokenizer, and its weights once: no pickles, no variants
of another precision, no checkpoints beside the parts, no pictures. Parts that no job needs are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from kinolog.models.families import families
from kinolog.models.model_index import INDEXES, MODULAR_INDEX

SAFE = ".safetensors"
WEIGHT_INDEX = f"{SAFE}.index.json"
GGUF = ".gguf"
DENOISER = "transformer"
"""The part whose weights a single file replaces."""

PICKLES = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
MODULAR_CODE = "modular_config.json"

CONFIGURATION = "config.json"
UPSCALER_WEIGHTS = "model.safetensors"
UPSCALER_KIND = "swin2sr"
"""Type of model of transformers, in its configuration, that enlarges frames. It is no pipeline."""

_SMALL = (".jinja", ".json", ".model", ".txt")
"""How the names of files end that configurations and tokenizers consist of."""

_OWN_LIBRARIES = ("diffusers", "transformers")
_WITHOUT_WEIGHTS = re.compile(r"Scheduler|Tokenizer|Processor|FeatureExtractor|Guid(er|ance)")
"""Words in the names of classes that have a configuration and no weights."""

_STEMS = ("diffusion_pytorch_model", "model")
"""How the names of weights begin that the libraries load."""

ReadJson = Callable[[str], Any]
"""Returns the content of a JSON file by its path. Raises OSError and ValueError."""


class NoPipeline(ValueError):
    """There is no index of a pipeline, or it is damaged. The message says which."""


@dataclass(frozen=True, slots=True)
class NeededFiles:
    """Paths of the files that are loaded, and what is missing of them, for people."""

    paths: frozenset[str]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of the index: its folder, the library and the class that load it."""

    folder: str
    library: str
    kind: str

    @property
    def has_weights(self) -> bool:
        return _WITHOUT_WEIGHTS.search(self.kind) is None


def is_weight_file(source: str) -> bool:
    """Return whether a source is a single file of weights, by its name. Libraries know the endings in lower case."""
    return source.endswith((SAFE, GGUF))


def source_problem(source: str, base: str) -> str:
    """Return why a source cannot be that of an entry with this base; empty if it can."""
    if source.lower().endswith(PICKLES):
        return f"source: {source} may hold pickled code, which is never loaded; convert it to safetensors"
    if source.lower().endswith((SAFE, GGUF)) and not is_weight_file(source):
        return f"source: rename {source}: its ending has to be in lower case"
    if is_weight_file(source) and not base:
        return (
            f"source: {source} is a file of weights; name with `base` the folder or hub name of the pipeline that it "
            "belongs to, or with `known` a well-known model"
        )
    if base and not is_weight_file(source):
        return "base: it belongs to a source that is a file, .safetensors or .gguf"
    return ""


def needed_files(paths: Collection[str], read: ReadJson, without: Collection[str] = ()) -> NeededFiles:
    """Return which of these files of a model folder are loaded; `without` the weights of these parts.

    Raises NoPipeline, and what `read` raises.
    """
    name = next((name for name in INDEXES if name in paths), None)
    if name is None and _is_upscaler(paths, read):
        missing = [] if UPSCALER_WEIGHTS in paths else [f"the weights {UPSCALER_WEIGHTS}"]
        return NeededFiles(frozenset({CONFIGURATION, UPSCALER_WEIGHTS} & set(paths)), tuple(missing))
    if name is None:
        raise NoPipeline(f"it holds no pipeline of diffusers: {' and '.join(INDEXES)} are missing")
    index = read(name)
    if not isinstance(index, dict) or not isinstance(index.get("_class_name"), str):
        raise NoPipeline(f"{name} names no pipeline class of diffusers")
    needed, missing = {name}, []
    needed |= {extra for extra in (MODULAR_CODE, "words.json") if extra in paths}
    for part in _parts(index, modular=name == MODULAR_INDEX):
        found = sorted(path for path in paths if path.startswith(f"{part.folder}/"))
        needed.update(path for path in found if _is_small(path))
        if not found:
            if part.library in _OWN_LIBRARIES:
                missing.append(f"the folder {part.folder}")
        elif part.has_weights and part.folder not in without:
            weights, lacks = _weights(part, found, read)
            needed |= weights
            missing += lacks
    return NeededFiles(frozenset(needed), tuple(missing))


def _is_upscaler(paths: Collection[str], read: ReadJson) -> bool:
    stated = read(CONFIGURATION) if CONFIGURATION in paths else None
    return isinstance(stated, dict) and stated.get("model_type") == UPSCALER_KIND


def weight_indexes(paths: Collection[str], index: Mapping[str, Any]) -> list[str]:
    """Return the files that say which weights belong together, beside the index of the pipeline."""
    folders = {part.folder for part in _parts(index, modular=not _is_ordinary(paths))}
    return sorted(path for path in paths if path.endswith(WEIGHT_INDEX) and path.split("/")[0] in folders)


def part_folders(index: Mapping[str, Any], *, modular: bool) -> frozenset[str]:
    """Return the sub-folders of the parts that are loaded."""
    return frozenset(part.folder for part in _parts(index, modular=modular))


def _is_ordinary(paths: Collection[str]) -> bool:
    return next(name for name in INDEXES if name in paths) != MODULAR_INDEX


def _parts(index: Mapping[str, Any], *, modular: bool) -> Iterator[_Part]:
    family = families().get(str(index.get("_class_name")))
    unused = set(family.unused_parts) if family else set()
    replaced = family.replaced_parts if family else {}
    unused |= {part for part, other in replaced.items() if isinstance(index.get(other), list)}
    for name, value in index.items():
        if name in unused or not isinstance(value, list) or len(value) < 2:
            continue
        stated = value[2] if modular and len(value) == 3 and isinstance(value[2], dict) else {}
        hint = stated.get("type_hint") if modular else value
        if not isinstance(hint, list) or len(hint) < 2 or not all(isinstance(word, str) for word in hint[:2]):
            continue  # it is not loaded
        folder = str(stated.get("subfolder") or name)
        if not _is_inside(folder):
            raise NoPipeline(f"the part {name} is outside of the model's own folder")
        yield _Part(folder, hint[0], hint[1])


def _is_inside(folder: str) -> bool:
    path = PurePosixPath(folder)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in folder


def _is_small(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name.endswith(_SMALL) and not name.endswith(".index.json")


def _weights(part: _Part, paths: Collection[str], read: ReadJson) -> tuple[set[str], list[str]]:
    """Return the weights of a part with the file that lists them, and what is missing."""
    lacks = [] if f"{part.folder}/config.json" in paths else [f"{part.folder}/config.json"]
    for stem in _STEMS:
        whole, index = f"{part.folder}/{stem}{SAFE}", f"{part.folder}/{stem}{WEIGHT_INDEX}"
        if whole in paths and (part.library == "transformers" or index not in paths):
            return {whole}, lacks
        if index in paths:
            shards = {f"{part.folder}/{shard}" for shard in _shards(read(index), index)}
            return {index, *(shards & set(paths))}, [*lacks, *sorted(shards - set(paths))]
    weights = {path for path in paths if path.endswith(SAFE)}
    plain = {path for path in weights if path.rsplit("/", 1)[-1].count(".") == 1}
    if plain:
        return plain, lacks
    if weights:
        return set(), [*lacks, f"weights in {part.folder} that are no variant, as {min(weights)} is"]
    pickles = [path for path in paths if path.endswith(PICKLES)]
    beside = f": {pickles[0]} may hold code, which is never run" if pickles else ""
    return set(), [*lacks, f"safetensors weights in {part.folder}{beside}"]


def _shards(index: Any, path: str) -> set[str]:
    shards = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(shards, dict):
        raise NoPipeline(f"{path} has no weight_map")
    return {str(shard) for shard in shards.values()}
