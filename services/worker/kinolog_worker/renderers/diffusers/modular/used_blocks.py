"""The blocks of a modular class that calls of a family run, and the parts that these need.

Blocks that choose by what a call is given are replaced by their choice, for each choice of inputs that a job may have.
What no call runs is left out, with its parts: MiniMax-H3 has a second network of 62 GB for references, and LTX-2.5 a
model that chooses the number of frames. The blocks are those of the class: an index may name others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import diffusers
from diffusers.modular_pipelines.ltx2 import modular_blocks_ltx2

from kinolog.models.families import Family

_library: Any = diffusers  # untyped in part
_ltx2: Any = modular_blocks_ltx2
_AUTOENCODER = "vae"


@dataclass(frozen=True, slots=True)
class UsedBlocks:
    """All blocks of a class, and those that are run by the names of the pictures and videos that a call is given."""

    kind: Any
    whole: Any
    by_inputs: Mapping[frozenset[str], Any]

    @property
    def parts(self) -> frozenset[str]:
        """The names of the parts that are needed."""
        return frozenset(name for blocks in self.by_inputs.values() for name in blocks.component_names)


def used_blocks(family: Family, *, has_autoencoder: bool) -> UsedBlocks:
    """Return the blocks of the class of a family, which are nobody else's. Nothing is loaded."""
    kind = getattr(_library, family.pipeline)
    whole = deepcopy(
        getattr(_library, kind.default_blocks_name)()
    )  # some classes share the instances of theirs
    if has_autoencoder:
        _decode_by_convolutions(whole)
    always = {"prompt", family.frames_parameter}
    by_inputs = {
        inputs: whole.get_execution_blocks(**dict.fromkeys(always | inputs, True))
        for inputs in _choices(family)
    }
    if not has_autoencoder:  # which encodes pictures, even where something else decodes
        without = {
            inputs: blocks
            for inputs, blocks in by_inputs.items()
            if not inputs or _AUTOENCODER not in blocks.component_names
        }
        by_inputs = without or by_inputs  # a family that needs a picture lacks its autoencoder
    return UsedBlocks(kind, whole, by_inputs)


def _choices(family: Family) -> Iterator[frozenset[str]]:
    """Yield the parameters of each choice of inputs that a job for the family may have."""
    for count in range(len(family.inputs) + 1):
        for roles in combinations(family.inputs, count):
            if not family.missing_inputs(roles) and not family.unknown_inputs(roles):
                yield frozenset(family.inputs[role].parameter for role in roles)


def _decode_by_convolutions(blocks: Any) -> None:
    """Let an LTX-2.5 decode with its autoencoder instead of its diffusion decoder (decision 87)."""
    for name, block in blocks.sub_blocks.items():
        if "diffusion_decoder" in block.component_names:
            blocks.sub_blocks[name] = _ltx2.LTX2AutoDecoderStep()
