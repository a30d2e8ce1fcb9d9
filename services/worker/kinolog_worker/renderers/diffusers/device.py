"""The device of a worker by its name, and whether it is there."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import torch

from kinolog.job.values import DEVICE_MISSING
from kinolog_worker.renderers.renderer import RenderFailed

_cuda: Any = torch.backends.cuda  # untyped

NODES = Path("/dev")
"""Where the driver has a file for each of its GPUs."""

_NONE_VISIBLE = ("", "-1", "NoDevFiles")
"""Values of CUDA_VISIBLE_DEVICES with which a process uses no GPU."""


def device_named(name: str, nodes: Path = NODES) -> torch.device:
    """Return the device of that name; `auto` is the first CUDA GPU, else `mps`, else the CPU.

    Raises RenderFailed for one that is not there. Where the machine has a GPU that CUDA does not find, `auto` does not
    mean the CPU: a job would take hours there.
    """
    if name == "auto":
        return _automatic(nodes)
    try:
        device = torch.device(name)
    except RuntimeError:
        raise RenderFailed(
            "DEVICE_NOT_FOUND", f"there is no kind of device called {name}", retryable=False
        ) from None
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available() and (device.index or 0) < torch.cuda.device_count(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(device.type, False):
        raise RenderFailed(DEVICE_MISSING, f"this machine has no device {name}", retryable=True)
    return device


def _automatic(nodes: Path) -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda:0")
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all") in _NONE_VISIBLE
    gpus = sorted(node.name for node in nodes.glob("nvidia[0-9]*"))
    if gpus and _cuda.is_built() and not hidden:
        raise RenderFailed(
            DEVICE_MISSING, f"this machine has a GPU ({gpus[0]}), but CUDA does not find it", retryable=True
        )
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def wait_for(device: torch.device) -> None:
    """Wait until a device has done what it was given. The CPU has."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


def is_lost(device: torch.device) -> bool:
    """Return True if the device fails at a trivial task: after some errors CUDA takes no more work from a process."""
    try:
        torch.ones(1, device=device).sum().item()
    except torch.OutOfMemoryError:
        return False
    except RuntimeError:
        return True
    return False


def hardware_of(device: torch.device) -> str:
    """Return a description of the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
