"""Where the networks of a pipeline are while it draws, and how its frames are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib.machinery import PathFinder

AUTO = "auto"
"""The option `placement` of a model whose placement is planned."""

EXACT = "exact"
"""As `auto`, without the placements that change weights."""


class WeightPlacement(StrEnum):
    """Where weights are. Names are values of the option `placement`.

    `device`: all on the device. `text-offload`: text encoders in the memory of the host, layer by layer on the device
    while they encode. `group-offload`: the denoiser too, block by block, each copied while the one before it computes.
    `float8`, `int8`, `nf4`: text encoders as in `text-offload`, the denoiser on the device with weights of 8, 8 and 4
    bits.
    """

    DEVICE = "device"
    TEXT_OFFLOAD = "text-offload"
    GROUP_OFFLOAD = "group-offload"
    FLOAT8 = "float8"
    INT8 = "int8"
    NF4 = "nf4"


QUANTISING_PACKAGES = {WeightPlacement.INT8: "torchao", WeightPlacement.NF4: "bitsandbytes"}
"""Placements whose weights a package quantises as they are loaded, and the package."""

LOSSY = (WeightPlacement.INT8, WeightPlacement.FLOAT8, WeightPlacement.NF4)
"""Placements that change weights, the one that changes them least first."""

QUANTISED_EXTRA = "quantised"
"""The extra of kinolog that installs these packages."""

QUANTISED_NEVER = (WeightPlacement.GROUP_OFFLOAD, *LOSSY)
"""Placements that weights do not have which are quantised in their files."""

PLACEMENTS = (AUTO, EXACT, *(placement.value for placement in WeightPlacement))
"""The values of the option `placement`."""


def stated_placement(option: str) -> WeightPlacement | None:
    """Return the placement that an option `placement` names; None if it is planned. Raises ValueError."""
    return None if option in (AUTO, EXACT) else WeightPlacement(option)


def missing_placements() -> frozenset[WeightPlacement]:
    """Return the placements whose package is not installed here."""
    return frozenset(each for each, package in QUANTISING_PACKAGES.items() if not is_installed(package))


def is_installed(package: str) -> bool:
    """Return whether a package is installed, also if this process hides it from `import`."""
    return PathFinder.find_spec(package) is not None


class DecodeMode(StrEnum):
    """How frames are decoded: in the dtype of the family, in float16, or in tiles, in float16 where that is allowed."""

    FULL = "full"
    HALF = "float16"
    TILED = "tiled"


@dataclass(frozen=True, slots=True)
class Rung:
    """A way to draw with a model: each rung of the ladder needs another amount of memory."""

    weights: WeightPlacement
    decode: DecodeMode

    def __str__(self) -> str:
        """Return the rung as jobs name it, such as `group-offload, float16 decode`."""
        decode = "" if self.decode is DecodeMode.FULL else f", {self.decode} decode"
        return f"{self.weights}{decode}"

    @property
    def words(self) -> str:
        """What the rung does, for people."""
        return f"{_WEIGHTS[self.weights]}{_DECODES[self.decode]}"


_WEIGHTS = {
    WeightPlacement.DEVICE: "all networks are on the device",
    WeightPlacement.TEXT_OFFLOAD: "text encoders are in host memory",
    WeightPlacement.GROUP_OFFLOAD: "text encoders and denoiser are in host memory and copied block by block",
    WeightPlacement.FLOAT8: "text encoders are in host memory, the denoiser has weights of 8 bits",
    WeightPlacement.INT8: "text encoders are in host memory, torchao gives the denoiser weights of 8 bits",
    WeightPlacement.NF4: "text encoders are in host memory, bitsandbytes gives the denoiser weights of 4 bits",
}
_DECODES = {
    DecodeMode.FULL: "",
    DecodeMode.HALF: "; frames are decoded in float16",
    DecodeMode.TILED: "; frames are decoded in tiles",
}

LADDER = tuple(
    Rung(weights, decode)
    for weights, decode in (
        (WeightPlacement.DEVICE, DecodeMode.FULL),
        (WeightPlacement.TEXT_OFFLOAD, DecodeMode.FULL),
        (WeightPlacement.DEVICE, DecodeMode.HALF),
        (WeightPlacement.TEXT_OFFLOAD, DecodeMode.HALF),
        (WeightPlacement.GROUP_OFFLOAD, DecodeMode.FULL),
        (WeightPlacement.GROUP_OFFLOAD, DecodeMode.HALF),
        (WeightPlacement.DEVICE, DecodeMode.TILED),
        (WeightPlacement.TEXT_OFFLOAD, DecodeMode.TILED),
        (WeightPlacement.GROUP_OFFLOAD, DecodeMode.TILED),
        *((weights, decode) for weights in LOSSY for decode in DecodeMode),
    )
)
"""The rungs of `auto`, the one to prefer first: the fastest, and of two that are equally fast the more exact one.

The order is that of the times in docs/performance.md. Rungs that change weights come last (decision 97).
"""


def ladder_of(placement: str) -> tuple[Rung, ...]:
    """Return the rungs of an option `placement`. Raises ValueError for an unknown name."""
    weights = stated_placement(placement)
    if weights is not None:
        return tuple(Rung(weights, decode) for decode in DecodeMode)
    return tuple(rung for rung in LADDER if placement == AUTO or rung.weights not in LOSSY)
