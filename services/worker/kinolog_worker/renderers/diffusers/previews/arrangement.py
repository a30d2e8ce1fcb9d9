"""How the latents of a pipeline's call lie, found by comparing them with those that its autoencoder decodes.

Pipelines hold latents in orders of their own, some as rows of tokens. Each turns its last latents into those that the
autoencoder decodes, with another scale of each channel. So the right order is the one in which both rise and fall
together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch

_ORDERS = ("bcfhw", "bfchw", "bfhwc", "fchw", "cfhw", "fhwc")
_TOKENS = ("btv", "tv")
_PATCHES = (("vpp", 1), ("vpp", 2), ("ppv", 2))
"""How a token holds the channels (v) of a square of latent pixels (p), and how many pixels its side has."""
_LEAST_CORRELATION = 0.9


@dataclass(frozen=True, slots=True)
class Arrangement:
    """The order of the axes of a call's latents: batch, channels, frames, height and width, or tokens and values.

    Those of a batch after the first are left out. A token holds `patch`, a square of latent pixels of this `side`.
    With `at_end` latents that are no part of the clip lie before it, else after it.
    """

    order: str
    patch: str = "vpp"
    side: int = 1
    at_end: bool = False

    def arranged(self, latents: torch.Tensor, height: int, width: int) -> torch.Tensor | None:
        """Return latents of shape (channels, frames, height, width); None if they cannot lie so."""
        if len(self.order) != latents.ndim:
            return None
        order = self.order.removeprefix("b")
        if order != self.order:
            latents = latents[0]
        if order == "tv":
            return self._of_tokens(latents, height, width)
        return latents.permute([order.index(axis) for axis in "cfhw"])

    def _of_tokens(self, tokens: torch.Tensor, height: int, width: int) -> torch.Tensor | None:
        rows, columns = height // self.side, width // self.side
        frames = len(tokens) // (rows * columns) if rows and columns else 0
        if not frames or tokens.shape[1] % self.side**2:
            return None
        count = frames * rows * columns
        tokens = tokens[len(tokens) - count :] if self.at_end else tokens[:count]
        split = (frames, rows, columns, -1, self.side, self.side)
        axes = (3, 0, 1, 4, 2, 5)
        if self.patch == "ppv":
            split = (frames, rows, columns, self.side, self.side, -1)
            axes = (5, 0, 1, 3, 2, 4)
        return tokens.reshape(split).permute(axes).reshape(-1, frames, rows * self.side, columns * self.side)


def same_frames(
    arrangement: Arrangement, latents: torch.Tensor, decoded: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return the frames that latents of a call have in common with decoded ones, (channels, frames, height, width).

    None if they cannot lie in this arrangement.
    """
    arranged = arrangement.arranged(latents, *decoded.shape[2:])
    channels = len(decoded)
    if arranged is None or len(arranged) < channels or arranged.shape[2:] != decoded.shape[2:]:
        return None
    arranged = arranged[:channels]  # conditions may follow
    count = min(arranged.shape[1], decoded.shape[1])
    if arrangement.at_end:
        return arranged[:, -count:].float(), decoded[:, -count:].float()
    return arranged[:, :count].float(), decoded[:, :count].float()


def find_arrangement(latents: torch.Tensor, decoded: torch.Tensor) -> Arrangement | None:
    """Return how the last latents of a call lie, of which `decoded` was made, (channels, frames, height, width).

    None if they resemble it in no arrangement.
    """
    best, found = _LEAST_CORRELATION, None
    for arrangement in _possible():
        pair = same_frames(arrangement, latents, decoded)
        if pair is not None and (correlation := _correlation(*pair)) > best:
            best, found = correlation, arrangement
    return found


def _possible() -> Iterator[Arrangement]:
    for order, at_end in product(_ORDERS, (False, True)):
        yield Arrangement(order, at_end=at_end)
    for order, (patch, side), at_end in product(_TOKENS, _PATCHES, (False, True)):
        yield Arrangement(order, patch, side, at_end)


def _correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the mean correlation of the channels of two clips of the same shape: of at most 15 of their frames."""
    every = max(1, one.shape[1] // 8)
    one, other = one[:, ::every], other[:, ::every]
    one, other = (values.flatten(1) - values.flatten(1).mean(1, keepdim=True) for values in (one, other))
    sizes = one.norm(dim=1) * other.norm(dim=1)
    return float(((one * other).sum(1) / sizes.clamp(min=1e-12)).mean())
