"""Tracks of the objects in a clip, and its background, by rules from pixels alone.

Frames are uint8 [frames, 64, 64, 3]; larger ones (a whole multiple) are averaged down first. Colours are compared in
CIE Lab, where 2 is just visible and named colours are some 30 apart.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kinolog_training.captions import vocabulary as words
from kinolog_training.scenes.scenes import SIDE

Floats = NDArray[np.floating[Any]]
_VISIBLE = 14.0  # Lab distance from the background at which a pixel may belong to an object
_SMALLEST = 6.0  # pixels


def to_lab(rgb: Floats) -> Floats:
    """Return CIE Lab under D65 from sRGB in 0..1; the last axis is the channel."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], -1)


_PALETTE_LAB = to_lab(np.array([words.PALETTE[name] for name in words.COLOUR_NAMES]) / 255.0)


def colour_name(rgb: Floats) -> str:
    """Return the name of the palette colour nearest to an sRGB colour in 0..1."""
    return words.COLOUR_NAMES[int(np.linalg.norm(_PALETTE_LAB - to_lab(rgb), axis=1).argmin())]


@dataclass(frozen=True)
class Track:
    """One object in all frames of a clip. `alpha` is its coverage of each pixel, [frames, 64, 64]."""

    colour: str
    alpha: Floats
    centre: Floats  # [frames, 2], x and y in pixels
    area: Floats  # [frames], in pixels


@dataclass(frozen=True)
class ClipTracks:
    """The background colour of a clip and the tracks of its objects."""

    ground: str
    tracks: tuple[Track, ...]


def native(frames: NDArray[np.uint8]) -> Floats:
    """Return frames as floats in 0..1 at the native size."""
    count, height, width, _ = frames.shape
    scale = height // SIDE
    blocks = frames.reshape(count, SIDE, scale, width // scale, scale, 3).astype(np.float64)
    pictures: Floats = blocks.mean((2, 4)) / 255
    return pictures


def components(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Label 8-connected regions in each of [frames, h, w]. Labels are positive and arbitrary, 0 is no region."""
    label = np.where(mask, np.arange(1, mask[0].size + 1).reshape(mask.shape[1:]), 0)
    while True:
        wide = np.pad(label, ((0, 0), (1, 1), (1, 1)))
        shifts = [wide[:, y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3)]
        spread = np.where(mask, np.max(shifts, axis=0), 0)
        if np.array_equal(spread, label):
            return label
        label = spread


def track_objects(frames: NDArray[np.uint8]) -> ClipTracks:
    """Return the background of a clip and the tracks of up to three objects."""
    pictures = native(frames)
    edge = np.concatenate([pictures[:, :2].reshape(-1, 3), pictures[:, -2:].reshape(-1, 3),
                           pictures[:, :, :2].reshape(-1, 3), pictures[:, :, -2:].reshape(-1, 3)])  # fmt: skip
    ground = np.median(edge, axis=0)
    strength = np.linalg.norm(to_lab(pictures) - to_lab(ground), axis=-1)
    mask = strength > np.maximum(_VISIBLE, 0.35 * np.percentile(strength, 99.5, axis=(1, 2)))[:, None, None]
    label = components(mask)
    regions = [_regions(label[at], strength[at], pictures[at]) for at in range(len(pictures))]
    counts = np.bincount([min(len(found), 3) for found in regions], minlength=4)
    count = int(counts.argmax())
    return ClipTracks(colour_name(ground), tuple(_follow(regions, pictures, ground, count)))


@dataclass(frozen=True)
class _Region:
    where: NDArray[np.bool_]
    centre: Floats
    tint: Floats


def _regions(label: NDArray[np.int64], strength: Floats, picture: Floats) -> list[_Region]:
    """Return the regions of one frame, the largest first."""
    values, sizes = np.unique(label[label > 0], return_counts=True)
    result = []
    for value in values[np.argsort(-sizes)][:3]:
        where = label == value
        if where.sum() < _SMALLEST or strength[where].max() < _VISIBLE * 1.3:
            continue
        inner = where & (strength >= 0.9 * np.percentile(strength[where], 80))
        ys, xs = np.nonzero(where)
        centre = np.array([xs.mean(), ys.mean()]) + 0.5
        result.append(_Region(where, centre, np.median(picture[inner], axis=0)))
    return result


def _follow(regions: list[list[_Region]], pictures: Floats, ground: Floats, count: int) -> list[Track]:
    """Join the regions of frames into `count` tracks; a frame with another count of regions repeats the last one."""
    starts = [at for at, found in enumerate(regions) if len(found) == count]
    if count == 0 or not starts:
        return []
    last = regions[starts[0]]
    order: list[list[_Region]] = []
    for found in regions:
        if len(found) == count:
            last = _matched(last, found)
        order.append(last)
    return [_track([frame[slot] for frame in order], pictures, ground) for slot in range(count)]


def _matched(before: list[_Region], now: list[_Region]) -> list[_Region]:
    """Return `now` in the order of `before`, matched by distance in position and colour."""
    left = list(now)
    result = []
    for region in before:
        gaps = [
            np.linalg.norm(r.centre - region.centre) + 60 * np.linalg.norm(r.tint - region.tint) for r in left
        ]
        result.append(left.pop(int(np.argmin(gaps))))
    return result


def _track(regions: list[_Region], pictures: Floats, ground: Floats) -> Track:
    sizes = np.array([region.where.sum() for region in regions])
    large = np.argsort(-sizes)[: max(3, len(sizes) // 2)]
    tint = np.median([regions[at].tint for at in large], axis=0)
    step = tint - ground
    alpha = np.clip((pictures - ground) @ step / max(float(step @ step), 1e-6), 0, 1)
    near = np.stack([_grown(region.where) for region in regions])
    alpha = np.where(near, alpha, 0)
    alpha = np.where(alpha > 0.12, alpha, 0)
    area = np.maximum(alpha.sum((1, 2)), 1e-6)
    at = np.arange(SIDE) + 0.5
    centre = np.stack([(alpha.sum(1) * at).sum(1) / area, (alpha.sum(2) * at).sum(1) / area], 1)
    return Track(colour_name(tint), alpha, centre, area)


def _grown(where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    wide = np.pad(where, 2)
    grown: NDArray[np.bool_] = np.max(
        [wide[y : y + SIDE, x : x + SIDE] for y in range(5) for x in range(5)], axis=0
    )
    return grown
