"""The rasterizer: anti-aliased pictures of scenes from signed distances, in batches, on any device.

A shape's distance is in pixels, negative inside; coverage is a half-pixel ramp around zero. Shapes are scaled so that
their areas are similar for the same radius.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from kinolog_training.captions import vocabulary as words
from kinolog_training.scenes.scenes import SIDE, SLOTS, SceneBatch


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 0.95


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.82


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    """Equilateral triangle, pointing up, its corners on the circle of radius 1.15 about its centre."""
    slope = math.sqrt(3) / 2 * x.abs() - 0.5 * y
    return torch.maximum(slope, y) - 0.575


def _star(x: Tensor, y: Tensor) -> Tensor:
    """Star with five points of radius 1.15 and inner corners at 0.5; one point is up."""
    sector = 2 * math.pi / 5
    bearing = torch.atan2(x, -y)
    folded = ((bearing + sector / 2) % sector - sector / 2).abs()
    reach = torch.hypot(x, y)
    px, py = reach * torch.cos(folded), reach * torch.sin(folded)
    tip, dent = (1.15, 0.0), (0.5 * math.cos(sector / 2), 0.5 * math.sin(sector / 2))
    edge = (dent[0] - tip[0], dent[1] - tip[1])
    length = math.hypot(*edge)
    return ((px - tip[0]) * edge[1] - (py - tip[1]) * edge[0]) / length


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.76).abs() - 0.25


def _cross(x: Tensor, y: Tensor) -> Tensor:
    ax, ay = x.abs(), y.abs()
    level = torch.maximum(ax - 1.0, ay - 0.32)
    upright = torch.maximum(ax - 0.32, ay - 1.0)
    return torch.minimum(level, upright)


def _heart(x: Tensor, y: Tensor) -> Tensor:
    """Two half discs above a point; the unit heart is about 1.2 wide and 1.1 tall before scaling."""
    scale = 1.7
    px, py = x.abs() / scale, 0.55 - y / scale
    lobes = torch.hypot(px - 0.25, py - 0.75) - math.sqrt(2) / 4
    corner = px**2 + (py - 1) ** 2
    along = 0.5 * (px + py).clamp_min(0)
    side = (px - along) ** 2 + (py - along) ** 2
    lower = torch.minimum(corner, side).sqrt() * torch.sign(px - py)
    return torch.where(px + py > 1, lobes, lower) * scale


def _diamond(x: Tensor, y: Tensor) -> Tensor:
    wide, tall = 0.72, 1.2
    return (x.abs() / wide + y.abs() / tall - 1) * (wide * tall / math.hypot(wide, tall))


DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "ring": _ring,
    "cross": _cross,
    "heart": _heart,
    "diamond": _diamond,
}


def coverage(shape: Tensor, x: Tensor, y: Tensor, radius: Tensor, angle: Tensor, side: int = SIDE) -> Tensor:
    """Return the coverage of each pixel by the shape: arguments [n], result [n, side, side] in 0..1."""
    at = torch.arange(side, device=x.device, dtype=torch.float32) + 0.5
    px = at.view(1, 1, -1) - x.view(-1, 1, 1)
    py = at.view(1, -1, 1) - y.view(-1, 1, 1)
    size = radius.view(-1, 1, 1)
    cos, sin = angle.cos().view(-1, 1, 1) / size, angle.sin().view(-1, 1, 1) / size
    result = torch.empty(len(x), side, side, device=x.device)
    for index, name in enumerate(words.SHAPE_NAMES):
        rows = (shape == index).nonzero().squeeze(1)
        if len(rows):
            ux, uy, c, s = px[rows], py[rows], cos[rows], sin[rows]
            distance = DISTANCES[name](c * ux + s * uy, c * uy - s * ux) * size[rows]
            result[rows] = (0.5 - distance).clamp(0, 1)
    return result


def rasterize(scene: SceneBatch) -> tuple[Tensor, Tensor]:
    """Return pictures [batch, frames, 3, 64, 64] in 0..1, and the coverage by objects [batch, frames, 64, 64]."""
    batch, _, frames = scene.x.shape
    picture = scene.ground.view(batch, 1, 3, 1, 1).expand(batch, frames, 3, SIDE, SIDE).clone()
    covered = torch.zeros(batch, frames, SIDE, SIDE, device=scene.x.device)
    for slot in reversed(range(SLOTS)):
        rows = scene.present[:, slot].nonzero().squeeze(1)
        if not len(rows):
            continue
        x, y, radius, angle = (
            part[rows, slot].reshape(-1) for part in (scene.x, scene.y, scene.radius, scene.angle)
        )
        shape = scene.shape[rows, slot].repeat_interleave(frames)
        mask = coverage(shape, x, y, radius, angle).view(len(rows), frames, SIDE, SIDE)
        tint = scene.colour[rows, slot].view(-1, 1, 3, 1, 1)
        picture[rows] = torch.lerp(picture[rows], tint, mask.unsqueeze(2))
        covered[rows] = torch.maximum(covered[rows], mask)
    return picture, covered
