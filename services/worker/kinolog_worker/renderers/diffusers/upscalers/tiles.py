"""Tiles of a frame: where each is, and how much it counts where it overlaps others. No model here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import torch


@dataclass(frozen=True, slots=True)
class Span:
    """Where a tile is along one side of a frame: from `start` to `end`, in pixels.

    `before` and `after` are what it shares with its neighbours.
    """

    start: int
    end: int
    before: int
    after: int

    def weights(self, scale: int) -> torch.Tensor:
        """Return how much each pixel counts after it was enlarged: less towards the neighbours, never nothing."""
        weights = torch.ones((self.end - self.start) * scale)
        if rising := self.before * scale:
            weights[:rising] = torch.arange(1, rising + 1) / (rising + 1)
        if falling := self.after * scale:
            weights[-falling:] = torch.minimum(
                weights[-falling:], torch.arange(falling, 0, -1) / (falling + 1)
            )
        return weights


def spans(length: int, tile: int, overlap: int) -> list[Span]:
    """Return the tiles along a side of this length. All have the size `tile` but the only one of a shorter side."""
    if length <= tile:
        return [Span(0, length, 0, 0)]
    starts = [*range(0, length - tile, tile - overlap), length - tile]
    shared = [one + tile - other for one, other in pairwise(starts)]
    around = zip(starts, [0, *shared], [*shared, 0], strict=True)
    return [Span(start, start + tile, before, after) for start, before, after in around]


def tiles(height: int, width: int, tile: int, overlap: int) -> Iterator[tuple[Span, Span]]:
    """Yield the tiles of a frame, each as its rows and its columns."""
    columns = spans(width, tile, overlap)
    for rows in spans(height, tile, overlap):
        for column in columns:
            yield rows, column
