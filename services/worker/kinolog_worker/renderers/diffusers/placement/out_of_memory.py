"""Errors that mean that memory ran out, and what is left of them in memory."""

from __future__ import annotations

import gc
import traceback

import torch

_SIGNS = (
    "out of memory",
    "can't allocate memory",
    "STATUS_ALLOC_FAILED",
    "unable to find an engine",  # cuDNN has no memory for the workspace of any
)
"""What is in the texts of errors that no class of their own tells apart: of cuBLAS, cuDNN, CUDA and the CPU."""


class HalfOverflow(Exception):
    """Decoding in float16 gave numbers that are none."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error means that the device or the host has no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def release_frames(error: BaseException) -> None:
    """Let go of the tensors that the frames of an error hold, and of those of the errors before it."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen.__traceback__ = None
        seen = seen.__cause__ or seen.__context__


def release_memory() -> None:
    """Return to the device what nothing refers to any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
