"""Models whose weights are quantised in their files already."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from kinolog.models.memory.placement import QUANTISING_PACKAGES
from kinolog.models.memory.quantised_parts import quantised_parts
from kinolog_worker.renderers.diffusers.quantisation.packages import check_installed, imported, lend
from kinolog_worker.renderers.renderer import RenderFailed

_NEEDS_GPU = "bitsandbytes"
"""diffusers and transformers load its weights on a GPU only."""


def packages_of(folder: Path, parts: Collection[str] | None) -> frozenset[str]:
    """Return the packages that loading a folder needs. With `parts` only these sub-folders are loaded."""
    methods = set(quantised_parts(folder, parts).values())
    return frozenset(methods & set(QUANTISING_PACKAGES.values()))


def check_packages(name: str, packages: Collection[str], device: torch.device) -> None:
    """Raise RenderFailed if the quantised weights of a model cannot be loaded here."""
    for package in sorted(packages):
        check_installed(package, f"{name}, whose weights it has quantised,")
        if package == _NEEDS_GPU and device.type != "cuda":
            raise RenderFailed(
                "MODEL_UNSUPPORTED",
                f"the weights of {name} are quantised by {package}, which are loaded on a GPU only",
                retryable=False,
            )


def prepare(name: str, packages: Collection[str]) -> None:
    """Let diffusers load weights that these packages have quantised. Raises RenderFailed if one is missing."""
    for package in sorted(packages):
        imported(package, name)
        lend(package)
