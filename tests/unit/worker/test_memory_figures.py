"""What the worker knows of memory, and which errors mean that there is none left."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kinolog_worker.renderers.diffusers.placement.figures import figures_of
from kinolog_worker.renderers.diffusers.placement.out_of_memory import is_out_of_memory

from kinolog.models.memory.machine import host_free_bytes

MIB = 1 << 20


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_errors_of_every_library_are_recognised(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CUDA error: device-side assert triggered"), ValueError("out of memory"), KeyError("x")],
)
def test_other_errors_are_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_the_limit_of_the_control_group_counts(tmp_path: Path) -> None:
    """Files in the cache of the group give their memory back."""
    machine, group = tmp_path / "meminfo", tmp_path
    machine.write_text("MemTotal:  4194304 kB\nMemAvailable:  2097152 kB\n")
    assert host_free_bytes(machine, group) == 2048 * MIB
    (group / "memory.max").write_text("max\n")
    assert host_free_bytes(machine, group) == 2048 * MIB
    (group / "memory.max").write_text(f"{1024 * MIB}\n")
    (group / "memory.current").write_text(f"{900 * MIB}\n")
    (group / "memory.stat").write_text(f"anon {1 * MIB}\ninactive_file {400 * MIB}\n")
    assert host_free_bytes(machine, group) == 524 * MIB
    assert host_free_bytes(tmp_path / "missing", group) == 0


def test_a_cpu_has_no_other_place_for_weights() -> None:
    assert figures_of(torch.device("cpu")) is None
