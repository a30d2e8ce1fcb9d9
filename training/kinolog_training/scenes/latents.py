"""The latent space: one vector of scene state for each latent frame, spread over an 8x8 grid of cells.

A latent frame covers two frames (the first one covers frame 0 alone, twice), as in every Wan VAE with a temporal factor
of two. Its 48 channels are *anchored*: the meaning of each one is fixed before training, so that the denoiser learns
motion and appearance from states, without pictures. In a cell of the grid the positions are relative to the cell's own
centre, so that the decoder draws the same way everywhere; every other channel is the same in all cells.

Because Gaussian noise is independent in the 64 cells and the spread is a known affine map, the mean over cells
("gathered") holds all that a denoiser can know, with noise 8 times weaker. Training runs on gathered states; the
exported networks take and return whole grids.
"""

from typing import Final

import torch
from torch import Tensor

from kinolog_training.captions import vocabulary as words
from kinolog_training.scenes.scenes import SIDE, SLOTS, SceneBatch

CHANNELS: Final = 48
GRID: Final = 8
CELL: Final = SIDE // GRID
NOISE_GAIN: Final = 1 / GRID  # of the mean over GRID * GRID independent cells
_PLACE, _PLACE_SCALE = SIDE / 2, 14.0
_SIZE, _SIZE_SCALE = 10.0, 3.0
_SHAPE_GAIN = 1.5
SLOT_CHANNELS: Final = 22
GROUND_AT: Final = SLOTS * SLOT_CHANNELS
CLOCK_AT: Final = GROUND_AT + 3
TURN_AT: Final = 6
SHAPE_AT: Final = 10
X_AT: Final = (0, 2)  # within a slot: x of the two frames
Y_AT: Final = (1, 3)


def latent_frames(frames: int) -> int:
    """Return the number of latent frames of a clip; `frames` is odd."""
    return (frames - 1) // 2 + 1


def gathered(scene: SceneBatch) -> Tensor:
    """Return the states of scenes: [batch, 48, latent frames], each channel of about unit scale."""
    batch, _, frames = scene.x.shape
    count = latent_frames(frames)
    first = torch.arange(count, device=scene.x.device) * 2 - 1
    pair = torch.stack([first.clamp_min(0), first + 1], 0)  # frames of each latent frame: [2, count]
    shown = scene.present[..., None]
    parts: list[Tensor] = []
    x = torch.where(shown, (scene.x - _PLACE) / _PLACE_SCALE, 0.0)[..., pair]
    y = torch.where(shown, (scene.y - _PLACE) / _PLACE_SCALE, 0.0)[..., pair]
    size = torch.where(shown, (scene.radius - _SIZE) / _SIZE_SCALE, 0.0)[..., pair]
    cos = torch.where(shown, scene.angle.cos(), 0.0)[..., pair]
    sin = torch.where(shown, scene.angle.sin(), 0.0)[..., pair]
    onehot = torch.nn.functional.one_hot(scene.shape, len(words.SHAPE_NAMES)).float()
    looks = torch.cat(
        [
            _SHAPE_GAIN * (onehot - 1 / len(words.SHAPE_NAMES)),
            scene.colour * 2.4 - 1.2,
            torch.ones_like(onehot[..., :1]),
        ],
        2,
    )
    looks = torch.where(shown, looks, 0.0)
    looks[..., -1:] = torch.where(shown, 1.0, -1.0)
    for slot in range(SLOTS):
        for one, other in ((x, y), (cos, sin)):
            if one is cos:
                parts += [size[:, slot, 0], size[:, slot, 1]]
            parts += [one[:, slot, 0], other[:, slot, 0], one[:, slot, 1], other[:, slot, 1]]
        parts += [look.expand(-1, count) for look in looks[:, slot].unsqueeze(2).unbind(1)]
    parts += [colour[:, None].expand(-1, count) for colour in (scene.ground * 2.4 - 1.2).unbind(1)]
    clock = (
        torch.linspace(-1.5, 1.5, count, device=scene.x.device)
        if count > 1
        else torch.zeros(1, device=scene.x.device)
    )
    parts.append(clock.expand(batch, -1))
    return torch.stack(parts, 1)


def offsets(device: torch.device | str = "cpu") -> Tensor:
    """Return what the spread adds in each cell: [48, 8, 8], minus the cell's centre in the position channels."""
    centre = (
        torch.arange(GRID, device=device, dtype=torch.float32) * CELL + CELL / 2 - _PLACE
    ) / _PLACE_SCALE
    result = torch.zeros(CHANNELS, GRID, GRID, device=device)
    for slot in range(SLOTS):
        for at in X_AT:
            result[slot * SLOT_CHANNELS + at] = -centre.view(1, -1)
        for at in Y_AT:
            result[slot * SLOT_CHANNELS + at] = -centre.view(-1, 1)
    return result


def spread(states: Tensor) -> Tensor:
    """Return states [batch, 48, latent frames] spread over the grid: [batch, 48, latent frames, 8, 8]."""
    return states[..., None, None] + offsets(states.device)[None, :, None]


def channel_weights() -> Tensor:
    """Return the weight of an error in each channel, [48]: positions and angles most, the clock least."""
    slot = torch.tensor(
        [4.0] * 4 + [1.0] * 2 + [3.0] * 4 + [0.7] * len(words.SHAPE_NAMES) + [2.0] * 3 + [1.0]
    )
    return torch.cat([slot, slot, torch.tensor([3.0, 3.0, 3.0, 0.5])])
