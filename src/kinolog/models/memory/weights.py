"""Sizes of the networks of a model folder, from the headers of their weight files. Nothing is loaded."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

SUFFIX = ".safetensors"
_INDEX = f"{SUFFIX}.index.json"
_WHOLE_FILES = (f"diffusion_pytorch_model{SUFFIX}", f"model{SUFFIX}")
_LONGEST_HEADER = 100 << 20
_BLOCK = re.compile(r"(.*?\.\d+)\.")
_IN_TOP_BLOCK = re.compile(r"[^.]+\.\d+\.")


class WeightsUnreadable(Exception):
    """The header of a weight file cannot be read. The message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSize:
    """Size of one network, in weights. `block` is that of its largest block, `outside` that of what is in no block.

    `tensor` is its largest tensor. `width` is the number of values that it computes for each token. `linear` are the
    weights of linear layers in its blocks, which is what can be quantised.
    """

    elements: int
    block: int = 0
    outside: int = 0
    tensor: int = 0
    width: int = 0
    linear: int = 0


def in_top_block(name: str) -> bool:
    """Return whether a layer or a weight of this name is in a block of a list that the network itself has."""
    return _IN_TOP_BLOCK.match(name) is not None


def network_sizes(folder: Path, parts: Collection[str] | None = None) -> dict[str, NetworkSize]:
    """Return the networks of a model folder by the names of their folders; with `parts` those of these folders alone.

    Raises WeightsUnreadable.
    """
    return {
        part.name: _network_size(files)
        for part in sorted(folder.iterdir())
        if part.is_dir() and (parts is None or part.name in parts) and (files := weight_files(part))
    }


def weight_files(folder: Path) -> list[Path]:
    """Return the files that are loaded, without variants such as `.fp16.safetensors`."""
    for index in sorted(folder.glob(f"*{_INDEX}")):
        if index.name.count(".") == _INDEX.count("."):
            return sorted({folder / shard for shard in _shards(index)})
    for name in _WHOLE_FILES:
        if (folder / name).is_file():
            return [folder / name]
    return sorted(folder.glob(f"*{SUFFIX}"))


def _shards(index: Path) -> set[str]:
    try:
        shards = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        return set(map(str, shards))
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise WeightsUnreadable(f"{index} cannot be read ({type(error).__name__})") from error


def _network_size(files: list[Path]) -> NetworkSize:
    return size_of(tensor for path in files for tensor in file_tensors(path))


def size_of(tensors: Iterable[tuple[str, Sequence[int]]]) -> NetworkSize:
    """Return the size of a network with tensors of these names and shapes."""
    blocks: Counter[str] = Counter()
    widths: Counter[int] = Counter()
    outside = largest = elements = linear = 0
    for name, shape in tensors:
        size = prod(shape)
        elements += size
        largest = max(largest, size)
        if block := _BLOCK.match(name):
            blocks[block[1]] += size
        else:
            outside += size
        if len(shape) > 1:
            widths[shape[0]] += size
        if len(shape) == 2 and in_top_block(name):
            linear += size
    return NetworkSize(
        elements=elements,
        block=max(blocks.values(), default=0),
        outside=outside,
        tensor=largest,
        width=widths.most_common(1)[0][0] if widths else 0,
        linear=linear,
    )


def scaled(network: NetworkSize, stored_bytes: int, weight_bytes: int) -> NetworkSize:
    """Return the size of a network whose weights take so many bytes in their files, in weights of `weight_bytes`."""
    share = stored_bytes / max(1, network.elements * weight_bytes)
    return replace(
        network,
        elements=int(network.elements * share),
        block=int(network.block * share),
        outside=int(network.outside * share),
    )


def file_tensors(path: Path) -> Iterator[tuple[str, list[int]]]:
    """Yield name and shape of each tensor in a file."""
    for name, tensor in _header(path)[1].items():
        if name != "__metadata__":
            try:
                yield name, [int(side) for side in tensor["shape"]]
            except (LookupError, TypeError, ValueError) as error:
                raise WeightsUnreadable(f"{path} has a damaged header") from error


def stated_file_bytes(path: Path) -> int:
    """Return the bytes of a weight file as its header states them. Raises WeightsUnreadable."""
    length, header = _header(path)
    return 8 + length + _tensor_bytes(path, header)


def weight_bytes_of(path: Path) -> int:
    """Return the bytes that the tensors of a weight file take. Raises WeightsUnreadable."""
    return _tensor_bytes(path, _header(path)[1])


def _tensor_bytes(path: Path, header: Mapping[str, Any]) -> int:
    try:
        ends = [int(tensor["data_offsets"][1]) for name, tensor in header.items() if name != "__metadata__"]
    except (LookupError, TypeError, ValueError) as error:
        raise WeightsUnreadable(f"{path} has a damaged header") from error
    return max(ends, default=0)


def _header(path: Path) -> tuple[int, Mapping[str, Any]]:
    """Return the length of a file's header in bytes, and the header."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length <= _LONGEST_HEADER else None
    except (OSError, ValueError) as error:
        raise WeightsUnreadable(f"{path} cannot be read ({type(error).__name__})") from error
    if not isinstance(header, dict):
        raise WeightsUnreadable(f"{path} has a damaged header")
    return length, header
