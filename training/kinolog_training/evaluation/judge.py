"""The judge: reads shape and motion of each object by rules, and checks whether a clip obeys a spec."""

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from kinolog_training.captions import vocabulary as words
from kinolog_training.captions.captions import UNSPECIFIED, ClipSpec, ObjectSpec
from kinolog_training.evaluation.tracks import Floats, Track, track_objects
from kinolog_training.scenes.rasterizer import coverage

_CROP = 24
_ANGLES = 36
_LARGEST = 7  # frames that are compared for the shape


@dataclass(frozen=True)
class ObservedObject:
    """Attributes of one object, read from pixels."""

    shape: str
    colour: str
    motion: str


@dataclass(frozen=True)
class ClipReading:
    """Attributes of a clip, read from its pixels."""

    ground: str
    objects: tuple[ObservedObject, ...]


def crops(track: Track, chosen: NDArray[np.int64]) -> Floats:
    """Return the object in the chosen frames, centred and scaled to the same area: [n, 24, 24]."""
    side = 2.9 * np.sqrt(track.area[chosen])
    grid = (np.arange(_CROP) + 0.5) / _CROP - 0.5
    x = track.centre[chosen, 0, None] + grid * side[:, None] - 0.5
    y = track.centre[chosen, 1, None] + grid * side[:, None] - 0.5
    wide = np.pad(track.alpha[chosen], ((0, 0), (40, 40), (40, 40)))
    x, y = np.clip(x + 40, 0, wide.shape[2] - 2.001), np.clip(y + 40, 0, wide.shape[1] - 2.001)
    x0, y0 = x.astype(int), y.astype(int)
    fx, fy = (x - x0)[:, None, :], (y - y0)[:, :, None]
    rows = np.arange(len(chosen))[:, None, None]
    corner = [[wide[rows, (y0 + dy)[:, :, None], (x0 + dx)[:, None, :]] for dx in (0, 1)] for dy in (0, 1)]
    upper = corner[0][0] * (1 - fx) + corner[0][1] * fx
    lower = corner[1][0] * (1 - fx) + corner[1][1] * fx
    result: Floats = upper * (1 - fy) + lower * fy
    return result


@functools.cache
def _templates() -> Floats:
    """Return every shape at every angle, cropped as `crops` does: [shapes, angles, 24 * 24]."""
    angles = torch.arange(_ANGLES) * (2 * math.pi / _ANGLES)
    result = []
    for shape in range(len(words.SHAPE_NAMES)):
        full = torch.full((_ANGLES,), 32.0)
        alpha = coverage(
            torch.full((_ANGLES,), shape), full, full, torch.full((_ANGLES,), 11.0), angles
        ).numpy()
        area = alpha.sum((1, 2))
        at = np.arange(64) + 0.5
        centre = np.stack([(alpha.sum(1) * at).sum(1) / area, (alpha.sum(2) * at).sum(1) / area], 1)
        result.append(crops(Track("", alpha, centre, area), np.arange(_ANGLES)).reshape(_ANGLES, -1))
    return np.stack(result)


def shape_of(track: Track) -> str:
    """Return the shape whose outline fits best in the frames where the object is largest. Prefer upright ones."""
    chosen = np.sort(np.argsort(-track.area, kind="stable")[:_LARGEST])
    views = crops(track, chosen).reshape(len(chosen), 1, 1, -1)
    misfit = ((views - _templates()[None]) ** 2).mean(-1)
    misfit[:, :, 1:] *= 1.15
    return words.SHAPE_NAMES[int(misfit.min(2).mean(0).argmin())]


def turning(track: Track) -> float:
    """Return how much the outline changes about the centre within three frames; near zero for a still shape."""
    views = crops(track, np.arange(len(track.area))).reshape(len(track.area), -1)
    change = np.abs(views[3:] - views[:-3]).mean(1) / np.maximum(views.mean(), 1e-6)
    return float(np.median(change))


def motion_of(track: Track) -> str:
    """Return the motion, from the track of the centre, the area and the outline."""
    count = max(2, len(track.area) // 8)
    ratio = float(track.area[-count:].mean() / track.area[:count].mean())
    path = track.centre
    net = path[-1] - path[0]
    span = path.max(0) - path.min(0)
    if ratio > 1.7 or ratio < 1 / 1.7:
        return "growing" if ratio > 1 else "shrinking"
    if _turn_about(path) > 1.1 * math.pi and span.min() > 5:
        return "circling"
    length = float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
    distance = float(np.linalg.norm(net))
    if span[1] > 4 and span[0] < 0.5 * span[1] and _reversals(path[:, 1]) >= 1 and distance < 0.75 * length:
        return "bouncing"
    if distance > 4.5 and distance > 0.75 * length:
        octant = round(math.atan2(-net[1], net[0]) / (math.pi / 4)) % 8
        return ("right", "up right", "up", "up left", "left", "down left", "down", "down right")[octant]
    if span.max() < 5:
        return "spinning" if turning(track) > 0.13 else "still"
    return "other"


def _turn_about(path: Floats) -> float:
    """Return the angle swept about the centre of the best circle, in radians; 0 if the path is no circle."""
    x, y = path.T
    design = np.stack([x, y, np.ones_like(x)], 1)
    solved, *_ = np.linalg.lstsq(design, x**2 + y**2, rcond=None)
    centre = solved[:2] / 2
    radius = np.hypot(x - centre[0], y - centre[1])
    if radius.mean() > 40 or radius.std() > 0.2 * radius.mean():
        return 0.0
    angles = np.unwrap(np.arctan2(y - centre[1], x - centre[0]))
    return float(abs(angles[-1] - angles[0]))


def _reversals(values: Floats, least: float = 1.5) -> int:
    """Return how often a series reverses by more than `least`."""
    turns, direction, extreme = 0, 0, values[0]
    for value in values[1:]:
        if (direction >= 0 and value > extreme) or (direction <= 0 and value < extreme):
            if direction == 0 and abs(value - extreme) > least:
                direction = 1 if value > extreme else -1
            extreme = value if direction else extreme
        elif abs(value - extreme) > least:
            turns, direction, extreme = turns + 1, -direction, value
    return turns


def read_clip(frames: NDArray[np.uint8]) -> ClipReading:
    """Return the attributes of a clip: frames are uint8 [frames, 64k, 64k, 3]."""
    measured = track_objects(frames)
    observed = tuple(
        ObservedObject(shape_of(track), track.colour, motion_of(track)) for track in measured.tracks
    )
    return ClipReading(measured.ground, observed)


def _obeyed(item: ObjectSpec, observed: ObservedObject) -> dict[str, bool]:
    return {
        "colour": item.colour == UNSPECIFIED or words.COLOUR_NAMES[item.colour] == observed.colour,
        "shape": item.shape == UNSPECIFIED or words.SHAPE_NAMES[item.shape] == observed.shape,
        "motion": item.motion == UNSPECIFIED or words.MOTIONS[item.motion] == observed.motion,
    }


def obeyed(spec: ClipSpec, reading: ClipReading) -> dict[str, bool]:
    """Return which attributes of a spec a clip obeys.

    Objects are matched so that most attributes are right; those of a missing object are wrong.
    """
    ground = spec.ground == UNSPECIFIED or words.COLOUR_NAMES[spec.ground] == reading.ground
    result: dict[str, Any] = {"background": ground, "count": len(spec.objects) == len(reading.objects)}
    nothing = ObservedObject("none", "none", "none")
    padded = [*reading.objects, nothing, nothing]
    orders = [padded[: len(spec.objects)], padded[: len(spec.objects)][::-1]]
    tried = [
        [_obeyed(item, observed) for item, observed in zip(spec.objects, order, strict=True)]
        for order in orders
    ]
    best = max(tried, key=lambda rows: sum(sum(row.values()) for row in rows))
    for name in ("colour", "shape", "motion"):
        result[name] = all(row[name] for row in best)
    result["everything"] = all(result.values())
    return result
