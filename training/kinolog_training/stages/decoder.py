"""Stage `decoder`: pictures from states, with the colours and edges of the rasterizer."""

import torch
from torch import Tensor
from torch.nn import functional

from kinolog_training.captions.captions import SPINNING, UNSPECIFIED, ClipSpec, ObjectSpec
from kinolog_training.captions.vocabulary import SHAPE_NAMES
from kinolog_training.networks.decoder import FlatDecoder
from kinolog_training.scenes.latents import (
    CLOCK_AT,
    GROUND_AT,
    SHAPE_AT,
    SLOT_CHANNELS,
    TURN_AT,
    gathered,
    spread,
)
from kinolog_training.scenes.rasterizer import rasterize
from kinolog_training.scenes.scenes import SLOTS, draw_scene, pack
from kinolog_training.stages.learner import Learner
from kinolog_training.stages.run import TrainingRun

CLIP_FRAMES = 17


def _open_specs(count: int) -> Tensor:
    """Return packed specs that leave everything open, 55 in 100 of one object."""
    item = ObjectSpec(UNSPECIFIED, UNSPECIFIED, -1, UNSPECIFIED, -1)
    specs = [ClipSpec((item,) if index % 20 < 11 else (item, item)) for index in range(count)]
    return pack(specs)


def sample(packed: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw states [n, 48, 2] (a first frame, then a pair) and their pictures [n, 3, 4, 64, 64].

    The first three channels of a picture are its colours in -1..1, the fourth is the weight of an error there.
    """
    packed = packed.clone()
    unsized = torch.randint(3, packed[:, [4, 9]].shape, generator=generator, device=packed.device).to(
        packed.dtype
    )
    packed[:, [4, 9]] = torch.where(packed[:, [4, 9]] == -1, unsized, packed[:, [4, 9]])
    speeds = torch.randint(3, unsized.shape, generator=generator, device=packed.device).to(packed.dtype)
    packed[:, [6, 11]] = torch.where(packed[:, [6, 11]] == -1, speeds, packed[:, [6, 11]])
    # Rotations need the most training.
    turned = torch.rand(unsized.shape, generator=generator, device=packed.device) < 0.35
    packed[:, [5, 10]] = torch.where(turned & (packed[:, [5, 10]] == -1), SPINNING, packed[:, [5, 10]]).to(
        packed.dtype
    )
    scene = draw_scene(packed, CLIP_FRAMES, generator)
    later = torch.randint(
        1, (CLIP_FRAMES + 1) // 2, (len(packed),), generator=generator, device=packed.device
    )
    picks = torch.stack([torch.randint_like(later, CLIP_FRAMES), 2 * later - 1, 2 * later], 1)
    three = scene.frames(picks)
    pictures, covered = rasterize(three)
    near = functional.max_pool2d(covered, 5, stride=1, padding=2)
    return gathered(three), torch.cat([pictures * 2 - 1, 1 + 5 * near.unsqueeze(2)], 2)


def add_denoiser_errors(states: Tensor, generator: torch.Generator) -> Tensor:
    """Add errors like those of a denoiser, so that the decoder learns to draw a clean picture from them.

    Classes are blurred, colours are slightly wrong, and the (cos, sin) of an uncertain angle is too short.
    """
    states = states.clone()
    amount = torch.zeros(states.shape[1], device=states.device)
    for slot in range(SLOTS):
        first = slot * SLOT_CHANNELS
        turn = slice(first + TURN_AT, first + SHAPE_AT)
        short = torch.rand(len(states), 1, 1, generator=generator, device=states.device)
        states[:, turn] *= 1.1 - 0.6 * short.square()
        amount[turn] = 0.03
        amount[first + SHAPE_AT : first + SHAPE_AT + len(SHAPE_NAMES)] = 0.12
        amount[first + SHAPE_AT + len(SHAPE_NAMES) : first + SLOT_CHANNELS - 1] = 0.02
        amount[first + SLOT_CHANNELS - 1] = 0.1
    amount[GROUND_AT:CLOCK_AT] = 0.02
    amount[CLOCK_AT] = 0.3
    noise = torch.randn(states.shape, generator=generator, device=states.device)
    return states + noise * amount.view(1, -1, 1)


def errors(output: Tensor, target: Tensor) -> Tensor:
    """Return the weighted squared error with a share of absolute error. The weight is the target's fourth channel."""
    weight = target[..., 3:, :, :]
    difference = output - target[..., :3, :, :]
    return (weight * (difference.square() + 0.1 * difference.abs())).mean()


def train_decoder(
    run: TrainingRun, batch: int, seed: int, compiled: bool = False, matrix_lr: float = 6e-3
) -> None:
    """Train until the run is over. `batch` counts latent frames; a quarter more are first frames."""
    torch.manual_seed(seed)
    network = FlatDecoder().to(run.device)
    if run.device == "cpu":
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # stubs lack it
    learner = Learner(network, matrix_lr, 1e-3)
    run.resume(learner)
    forward = torch.compile(network) if compiled else network
    generator = torch.Generator(run.device).manual_seed(seed + learner.steps)
    packed = _open_specs(batch).to(run.device)
    more = True
    while more:
        states, target = sample(packed, generator)
        grids = spread(add_denoiser_errors(states, generator))
        singles = len(packed) // 4
        starts = torch.randperm(len(packed), generator=generator, device=run.device)[:singles]
        pairs, firsts = grids[:, :, 1], grids[starts, :, 0]
        with torch.autocast(run.device, torch.bfloat16, enabled=run.bf16):
            two, one = forward(pairs, firsts)
        loss = (errors(two.float(), target[:, 1:]) * 8 + errors(one.float(), target[starts, 0]) * 1) / 9
        learner.learn(loss, run.pace(learner), len(packed))
        more = run.tick(learner, {"loss": loss.detach(), "db": psnr(two.detach().float(), target[:, 1:])})
    run.save(learner)


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """Return the peak signal-to-noise ratio in decibels, over pictures in -1..1."""
    error = (output.clamp(-1, 1) - target[..., :3, :, :]).square().mean()
    return 10 * torch.log10(4 / error)
