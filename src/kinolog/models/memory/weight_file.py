"""Size of a network whose weights are in a single file, by its header: safetensors, or GGUF, which is quantised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kinolog.models.hub.needed_files import GGUF
from kinolog.models.memory.weights import NetworkSize, WeightsUnreadable, file_tensors, scaled, size_of


def file_size(path: Path, weight_bytes: int) -> NetworkSize:
    """Return the size of the network in a file, as a number of weights of `weight_bytes`. Raises WeightsUnreadable."""
    if path.suffix != GGUF:
        return size_of(file_tensors(path))
    tensors = _gguf_tensors(path)
    network = size_of((tensor.name, [int(side) for side in reversed(tensor.shape)]) for tensor in tensors)
    return scaled(network, sum(int(tensor.n_bytes) for tensor in tensors), weight_bytes)


def _gguf_tensors(path: Path) -> list[Any]:
    try:
        import gguf  # of the extra kinolog[gguf]

        return list(gguf.GGUFReader(path).tensors)
    except ImportError as error:
        raise WeightsUnreadable(
            f"{path} needs the package gguf; install kinolog[gguf] on this worker"
        ) from error
    except Exception as error:  # the package raises whatever its parts raise
        raise WeightsUnreadable(f"{path} cannot be read ({type(error).__name__})") from error
