"""Scenes: position, size, angle and colour of every object in every frame, for a batch of specs.

All quantities are in pixels of the native 64x64 frame (x to the right, y downwards) and radians. Tensors are
[batch, 2 slots, frames] unless stated otherwise; slot 0 is the first object of a caption.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kinolog_training.captions import vocabulary as words
from kinolog_training.captions.captions import (
    HELD_OUT_CLASS,
    ROUND,
    SPINNING,
    UNSPECIFIED,
    ClipSpec,
    combination_class,
)

SIDE = 64
SLOTS = 2
FIELDS = ("shape", "colour", "size", "motion", "speed")
_MOTION = {name: index for index, name in enumerate(words.MOTIONS)}


@dataclass(frozen=True)
class SceneBatch:
    """A batch of scenes before they are rasterized."""

    x: Tensor
    y: Tensor
    radius: Tensor
    angle: Tensor
    shape: Tensor  # [batch, 2], index into SHAPES
    colour: Tensor  # [batch, 2, 3], 0..1
    present: Tensor  # [batch, 2], bool
    ground: Tensor  # [batch, 3], 0..1

    def frames(self, chosen: Tensor) -> "SceneBatch":
        """Return some frames of each clip: `chosen` is [batch, count], indices of frames."""
        at = chosen[:, None].expand(-1, SLOTS, -1)
        parts = (
            self.x.gather(2, at),
            self.y.gather(2, at),
            self.radius.gather(2, at),
            self.angle.gather(2, at),
        )
        return SceneBatch(*parts, self.shape, self.colour, self.present, self.ground)


def pack(specs: Sequence[ClipSpec]) -> Tensor:
    """Return specs as integers: [batch, 12] = ground, count, then the five fields of each slot (-2: no object)."""
    rows = []
    for spec in specs:
        row = [spec.ground, len(spec.objects)]
        for slot in range(SLOTS):
            if slot < len(spec.objects):
                row += [getattr(spec.objects[slot], name) for name in FIELDS]
            else:
                row += [-2] * len(FIELDS)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.int8)


class _Dice:
    """Uniform random numbers of a shape, from a generator on the device of the scenes."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, like: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(like.shape, generator=self.generator, device=like.device)

    def choose(self, like: Tensor, count: int) -> Tensor:
        return torch.randint(count, like.shape, generator=self.generator, device=like.device)


def _fill(packed: Tensor, dice: _Dice) -> tuple[Tensor, ...]:
    """Choose what captions leave open, without held-out combinations. Return ground [b] and five fields [b, 2]."""
    filled = _fill_once(packed, dice)
    for _ in range(6):
        _, shape, colour, _, motion, _ = filled
        held_out = combination_class(shape, colour, motion) == HELD_OUT_CLASS
        again = (held_out & (packed[:, 2 :: len(FIELDS)] != -2)).any(1)
        fresh = _fill_once(packed, dice)
        filled = tuple(
            torch.where(again if old.dim() == 1 else again[:, None], new, old)
            for old, new in zip(filled, fresh, strict=True)
        )
    return filled


def _fill_once(packed: Tensor, dice: _Dice) -> tuple[Tensor, ...]:
    ground = packed[:, 0]
    shape, colour, size, motion, speed = packed[:, 2:].reshape(-1, SLOTS, len(FIELDS)).unbind(2)
    free_ground = dice.choose(ground, len(words.COLOUR_NAMES))
    for _ in range(8):  # a free background differs from both objects with a probability of 1 - 1e-6
        clash = (free_ground[:, None] == colour).any(1)
        free_ground = torch.where(clash, dice.choose(ground, len(words.COLOUR_NAMES)), free_ground)
    ground = torch.where(ground == UNSPECIFIED, free_ground, ground)
    other = (ground[:, None] + 1 + dice.choose(colour, len(words.COLOUR_NAMES) - 1)) % len(words.COLOUR_NAMES)
    colour = torch.where(colour == UNSPECIFIED, other, colour)
    shape = torch.where(shape == UNSPECIFIED, dice.choose(shape, len(words.SHAPE_NAMES)), shape)
    size = torch.where(size == UNSPECIFIED, dice.choose(size, len(words.SIZE_NAMES)), size)
    motion = torch.where(motion == UNSPECIFIED, dice.choose(motion, len(words.MOTIONS)), motion)
    is_round = torch.stack([shape == value for value in ROUND]).any(0)
    motion = torch.where(
        (motion == SPINNING) & is_round, torch.full_like(motion, _MOTION["circling"]), motion
    )
    free_speed = torch.ones_like(speed)  # a motion without an adverb is of normal speed
    return ground, shape, colour, size, motion, torch.where(speed < 0, free_speed, speed)


def _boxes(motion: Tensor, two: Tensor, dice: _Dice) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return each object's own part of the frame: left, top, width, height, each [b, 2]."""
    level = torch.stack([motion == _MOTION[name] for name in ("left", "right")]).any(0).any(1)
    upright = torch.stack([motion == _MOTION[name] for name in ("up", "down", "bouncing")]).any(0).any(1)
    coin = dice.uniform(level.float()) < 0.5
    stacked = torch.where(level == upright, coin, level)  # one above the other
    flipped = dice.uniform(level.float()) < 0.5
    first_low = torch.stack([flipped, ~flipped], 1).float() * SIDE / 2
    half, full, none = torch.tensor(SIDE / 2.0), torch.tensor(float(SIDE)), torch.zeros_like(first_low)
    side_by_side = (two & ~stacked)[:, None]
    above = (two & stacked)[:, None]
    left = torch.where(side_by_side, first_low, none)
    top = torch.where(above, first_low, none)
    width = torch.where(side_by_side, half, full).expand_as(first_low)
    height = torch.where(above, half, full).expand_as(first_low)
    return left, top, width, height


def _pace(speed: Tensor, dice: _Dice, slow: tuple[float, float], normal: tuple[float, float],
          fast: tuple[float, float]) -> Tensor:  # fmt: skip
    low = torch.tensor([slow[0], normal[0], fast[0]], device=speed.device)[speed]
    high = torch.tensor([slow[1], normal[1], fast[1]], device=speed.device)[speed]
    return low + (high - low) * dice.uniform(low)


def draw_scene(packed: Tensor, frames: int, generator: torch.Generator) -> SceneBatch:
    """Return random scenes of `frames` frames that obey the packed specs ([batch, 12])."""
    dice = _Dice(generator)
    ground, shape, colour, size, motion, speed = _fill(packed.long(), dice)
    two = packed[:, 1] == 2
    present = torch.stack([torch.ones_like(two), two], 1)
    shape, colour, motion = (
        torch.where(present, part, torch.zeros_like(part)) for part in (shape, colour, motion)
    )
    size, speed = size.clamp_min(0), speed.clamp_min(0)
    left, top, width, height = _boxes(torch.where(present, motion, -1), two, dice)

    frame = torch.arange(frames, device=packed.device, dtype=torch.float32).view(1, 1, -1)
    radius = _radii(size, motion, two, frame, dice)
    largest = 1.17 * radius.amax(2)  # the points of stars, triangles and diamonds extend this far
    free_x = (width - 2 * largest - 2).clamp_min(0)
    free_y = (height - 2 * largest - 2).clamp_min(0)
    dx, dy, angle, span_x, span_y = _moves(motion, speed, free_x, free_y, frame, dice)
    start_x = (
        left + largest + 1 + span_x[0] + (free_x - span_x[0] - span_x[1]).clamp_min(0) * dice.uniform(free_x)
    )
    start_y = (
        top + largest + 1 + span_y[0] + (free_y - span_y[0] - span_y[1]).clamp_min(0) * dice.uniform(free_y)
    )
    palette = torch.tensor([words.PALETTE[name] for name in words.COLOUR_NAMES], device=packed.device) / 255
    tint = (palette[colour] + dice.uniform(palette[colour], -0.02, 0.02)).clamp(0, 1)
    back = (palette[ground] + dice.uniform(palette[ground], -0.02, 0.02)).clamp(0, 1)
    return SceneBatch(
        start_x[..., None] + dx, start_y[..., None] + dy, radius, angle, shape, tint, present, back
    )


def _radii(size: Tensor, motion: Tensor, two: Tensor, frame: Tensor, dice: _Dice) -> Tensor:
    """Return the radius in pixels, [b, 2, frames]; it changes only when growing and shrinking."""
    device = size.device
    steady = torch.tensor([[7.5, 10.5, 14.0], [5.5, 6.8, 8.2]], device=device)
    swollen = torch.tensor([[10.5, 13.0, 16.0], [8.0, 9.5, 11.0]], device=device)
    row = two.long()[:, None].expand_as(size)
    jitter = dice.uniform(size.float(), 0.95, 1.05)
    part = frame / max(frame.shape[2] - 1, 1)
    grown = (swollen[row, size] * jitter)[..., None]
    changing = torch.where((motion == _MOTION["growing"])[..., None], 0.42 + 0.58 * part, 1 - 0.58 * part)
    changes = (motion == _MOTION["growing"]) | (motion == _MOTION["shrinking"])
    return torch.where(
        changes[..., None], grown * changing, (steady[row, size] * jitter)[..., None].expand_as(grown * part)
    )


def _moves(
    motion: Tensor, speed: Tensor, free_x: Tensor, free_y: Tensor, frame: Tensor, dice: _Dice
) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return displacements and angles ([b, 2, frames]), and the space that they need (before, after)."""
    device = motion.device
    step = torch.tensor([words.STEPS.get(name, (0, 0)) for name in words.MOTIONS], device=device)[motion]
    part = frame / max(frame.shape[2] - 1, 1)
    diagonal = (step != 0).all(2)
    room = torch.where(
        diagonal, torch.minimum(free_x, free_y), torch.where(step[..., 0] != 0, free_x, free_y)
    )
    travel = room * _pace(speed, dice, (0.5, 0.6), (0.7, 0.85), (0.95, 1.0))
    dx = step[..., 0:1] * travel[..., None] * part
    dy = step[..., 1:2] * travel[..., None] * part

    sign = torch.where(dice.uniform(free_x) < 0.5, -1.0, 1.0)
    phase = dice.uniform(free_x)
    period = _pace(speed, dice, (11.0, 13.0), (7.5, 9.0), (5.5, 6.5))
    beat = (frame / period[..., None] + phase[..., None]) % 1
    hop = (free_y * _pace(speed, dice, (0.6, 1.0), (0.6, 1.0), (0.6, 1.0)))[..., None]
    bouncing = (motion == _MOTION["bouncing"])[..., None]
    dy = torch.where(bouncing, hop * (1 - 4 * beat * (1 - beat)), dy)

    around = _pace(speed, dice, (18.0, 20.0), (13.0, 16.0), (9.0, 11.0))
    turn = 2 * math.pi * (sign[..., None] * frame / around[..., None] + phase[..., None])
    orbit = (torch.minimum(free_x, free_y) / 2 * dice.uniform(free_x, 0.75, 1.0))[..., None]
    circling = (motion == _MOTION["circling"])[..., None]
    dx = torch.where(circling, orbit * (1 + turn.cos()), dx)
    dy = torch.where(circling, orbit * (1 + turn.sin()), dy)

    rate = _pace(speed, dice, (0.10, 0.13), (0.19, 0.25), (0.32, 0.38))  # radians a frame
    spinning = (motion == SPINNING)[..., None]
    angle = torch.where(spinning, (sign * rate)[..., None] * frame + 2 * math.pi * phase[..., None], 0.0 * dx)
    span_x = (-dx.amin(2).clamp_max(0), dx.amax(2).clamp_min(0))
    span_y = (-dy.amin(2).clamp_max(0), dy.amax(2).clamp_min(0))
    return dx, dy, angle, span_x, span_y
